"""Environments of repositories: found by their key, built once where there is none, shared by all runs, evicted by age.

Looking at a repository reads it and nothing else. Building runs its code, in a set-up sandbox that may reach package
registries; it takes no sandbox of the pool.
"""

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

from domain import Refused, SandboxLost, value
from domain.environment_faults import EnvironmentFault
from sandbox.contract import Backend, Limits, Spec
from sandbox.docker.layers import ImageFacts, Layer
from sandbox.environments.builder import EnvironmentBuilder, Progress, StepResult
from sandbox.environments.credentials import Credentials
from sandbox.environments.detect import detect, wanted_files
from sandbox.environments.images import BaseImage, chosen_image, known_programs
from sandbox.environments.recipe import Recipe, key_of
from sandbox.inside import SYSTEM_PATH
from sandbox.inside.environment import ROOT
from sandbox.revisions import Pinned
from sandbox.workspace.layout import write_text
from sandbox.workspace.store import Store

_LARGEST = 1 << 20
"""Bytes of a file that is read to find a recipe."""
REMEMBERED_S = 900.0
"""A recipe that failed is not tried again for so long, unless a person asks."""
ABOUT_LOGINS = frozenset({"setup_unauthorized", "setup_credential_missing", "setup_credential_invalid"})
"""What a person mends without a change of the repository: it is tried again at once."""


class Layers(Protocol):
    """Where environments are kept; see ``sandbox.docker.layers``."""

    async def facts(self, image: str) -> ImageFacts | None: ...

    async def find(self, key: str) -> Layer | None: ...

    async def put(
        self, key: str, base: str, archive: Path, variables: Mapping[str, str], *, data_bytes: int
    ) -> Layer: ...

    async def all(self) -> tuple[Layer, ...]: ...

    async def remove(self, keys: Sequence[str]) -> tuple[str, ...]: ...

    async def tidy(self) -> None: ...


@value
class Setup:
    """What the set-up of a repository came to."""

    key: str
    image: str
    """What its commands run in; empty where it could not be built."""
    base: str
    """The image below."""
    languages: tuple[str, ...]
    built: bool
    """False: it was there already."""
    seconds: float
    """Of this time."""
    steps: tuple[StepResult, ...] = ()
    collected: bool = True
    """The test runner found its tests."""
    missing: tuple[EnvironmentFault, ...] = ()
    output: str = ""
    """The end of what a failed check printed."""
    data_bytes: int = 0
    code: str = ""
    """Of the refusal, where it could not be built."""
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SetupBounds:
    """What set-ups may take."""

    minutes: float = 15.0
    environment_mb: int = 3_072
    """Of one environment; it lies in memory while it is built."""
    store_bytes: int = 20 << 30
    """Of all environments on an engine together."""
    at_once: int = 2


@dataclass(slots=True)
class _Building:
    """Set-ups that are being built here, and in which order."""

    turns: asyncio.Semaphore
    keys: dict[str, asyncio.Lock] = field(default_factory=dict[str, asyncio.Lock])


class Environments:
    """Finds, builds and keeps environments.

    Args:
        store: where the files of runs are.
        backend: starts set-up sandboxes, whose way out is that of set-ups; None: set-ups are switched off.
        sealed: starts the sandbox in which an image is asked for its programs.
        layers: where environments are kept.
        spec: what a sandbox of a run looks like.
        images: that environments may be put on, the preferred one first.
        folder: what is remembered of them.
        bounds: what they may take.
        credentials: what set-ups may log in with; read anew for each, raises ``Refused`` where it cannot be.
    """

    def __init__(
        self,
        *,
        store: Store,
        backend: Backend | None,
        sealed: Backend,
        layers: Layers,
        spec: Spec,
        images: Sequence[str],
        folder: Path,
        bounds: SetupBounds,
        credentials: Callable[[], Credentials] = Credentials,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._backend, self._sealed, self._layers = store, backend, sealed, layers
        self._spec, self._images, self._folder, self._bounds = spec, tuple(images), folder, bounds
        self._credentials, self._clock = credentials, clock
        self._building = _Building(asyncio.Semaphore(bounds.at_once))

    @property
    def enabled(self) -> bool:
        """False where nothing may be built."""
        return self._backend is not None

    async def recipe(self, run: str, pinned: Pinned, paths: Sequence[str]) -> Recipe:
        """The recipe of a run's base: of the folder it is about, or of the top where that folder says nothing."""
        for folder in dict.fromkeys((pinned.folder, "")):
            wanted = wanted_files(paths, folder)
            files = await self._store.read_many(run, pinned.tree, wanted, limit=_LARGEST) if wanted else {}
            found = await asyncio.to_thread(detect, files, paths, folder)
            if not found.empty:
                return found
        return Recipe()

    async def prepare(
        self,
        run: str,
        pinned: Pinned,
        recipe: Recipe,
        *,
        seconds: float | None = None,
        progress: Progress = lambda _: None,
        again: bool = False,
        retry: bool = False,
    ) -> Setup:
        """See that the environment of a run is there; from then on its commands run in it.

        Args:
            run: whose files they are.
            pinned: its base.
            recipe: what ``recipe`` returned.
            seconds: how long it may take at most; None: as long as the bounds say.
            progress: told of every step that begins.
            again: build it, also where it is there.
            retry: build it, also where that failed a moment ago.

        Raises:
            Refused: ``program_missing`` or ``interpreter_missing``: no image has what it takes.
        """
        began = time.monotonic()
        base = await self._base(recipe)
        key = key_of(recipe, base.digest)
        there = None if again else await self._known(key, recipe, base, began)
        if there is not None and not (retry and there.code):
            if there.image:
                self._store.furnish(run, there.image)
            return there
        limit = self._bounds.minutes * 60 if seconds is None else min(seconds, self._bounds.minutes * 60)
        async with self._building.keys.setdefault(key, asyncio.Lock()), self._building.turns:
            made = None if again or retry else await self._known(key, recipe, base, began)  # another run built it
            made = made or await self._built(run, pinned, recipe, base, key, limit, progress)
        self._building.keys.pop(key, None)
        if made.image:
            self._store.furnish(run, made.image)
        return made

    async def restore(self, run: str, pinned: Pinned) -> bool:
        """Build a run's environment again, which was evicted or never was on this engine; False where it cannot be."""
        if not self.enabled:
            return False
        recipe = await self.recipe(run, pinned, await self._store.files(run, pinned.tree))
        if recipe.empty:
            return False
        return bool((await self.prepare(run, pinned, recipe)).image)

    async def evict(self, keep: str = "") -> tuple[str, ...]:
        """Remove the environments that were used longest ago, until the rest fits; return the keys that went."""
        there = sorted(await self._layers.all(), key=self._used_at)
        total, gone = sum(each.data_bytes for each in there), list[str]()
        for each in there:
            if total <= self._bounds.store_bytes:
                break
            if each.key != keep and await self._layers.remove([each.key]):
                gone.append(each.key)
                total -= each.data_bytes
        return tuple(gone)

    def _used_at(self, layer: Layer) -> float:
        try:
            return self._record(layer.key).stat().st_mtime
        except FileNotFoundError:
            return layer.created_s

    async def _base(self, recipe: Recipe) -> BaseImage:
        """The image that an environment is put on, with all that its steps call for."""
        images: list[BaseImage] = []
        for name in dict.fromkeys((self._spec.image, *self._images)):
            facts = await self._layers.facts(name)
            if facts is not None:
                images.append(await self._programs(name, facts))
        return chosen_image(recipe, images)

    async def _programs(self, name: str, facts: ImageFacts) -> BaseImage:
        """What an image has; asked of it once."""
        place = self._folder / "images" / f"{facts.digest.rpartition(':')[2]}.json"
        with suppress(FileNotFoundError, ValueError):
            told = json.loads(place.read_text(encoding="utf-8"))
            return BaseImage(name, facts.digest, facts.path, frozenset(told["programs"]), told["python"])
        sandbox = await self._sealed.lease(replace(self._spec, image=name, profile="sealed"))
        try:
            programs, python = await known_programs(sandbox)
        finally:
            await sandbox.close()
        write_text(place, json.dumps({"programs": sorted(programs), "python": python}))
        return BaseImage(name, facts.digest, facts.path, programs, python)

    async def _known(self, key: str, recipe: Recipe, base: BaseImage, began: float) -> Setup | None:
        """The environment of a key that is there, or what went wrong with it a moment ago."""
        record = self._record(key)
        layer = await self._layers.find(key)
        try:
            told = json.loads(record.read_text(encoding="utf-8"))
            age = self._clock() - record.stat().st_mtime
        except (FileNotFoundError, ValueError):
            told, age = {}, 0.0
        seconds = time.monotonic() - began
        if layer is not None:
            write_text(record, json.dumps(told))  # used now
            missing = tuple(EnvironmentFault(**each) for each in told.get("missing", ()))
            return Setup(
                key=key,
                image=layer.image,
                base=base.name,
                languages=recipe.languages,
                built=False,
                seconds=seconds,
                collected=told.get("collected", True),
                missing=missing,
                output=told.get("output", ""),
                data_bytes=layer.data_bytes,
            )
        if told.get("code") and age < REMEMBERED_S:
            return self._failed(key, recipe, base, seconds, (told["code"], told["message"], told["hint"]))
        return None

    async def _built(  # noqa: PLR0917
        self, run: str, pinned: Pinned, recipe: Recipe, base: BaseImage, key: str, limit: float, progress: Progress
    ) -> Setup:
        began = time.monotonic()
        self._folder.mkdir(parents=True, exist_ok=True)
        await self._layers.tidy()
        assert self._backend is not None  # noqa: S101  callers look at ``enabled``
        most = self._bounds.environment_mb << 20
        with tempfile.TemporaryDirectory(dir=self._folder, prefix="building-") as folder:
            archive = Path(folder) / "layer.tar"
            try:
                builder = EnvironmentBuilder(
                    backend=self._backend,
                    store=self._store,
                    most_bytes=most,
                    credentials=await asyncio.to_thread(self._credentials),
                )
                report = await builder.build(
                    run, pinned, recipe, self._spec_of(base), archive, seconds=limit, progress=progress
                )
                places = (*(f"{ROOT}/{place}" for place in recipe.path), base.path or SYSTEM_PATH)
                variables = {**dict(recipe.variables), "PATH": ":".join(places)}
                layer = await self._layers.put(key, base.digest, archive, variables, data_bytes=report.data_bytes)
            except SandboxLost as error:
                lost = Refused(f"The set-up lost its sandbox: {error.message}", code="setup_failed", hint=error.hint)
                return self._remembered(key, recipe, base, began, lost)
            except Refused as error:
                if not error.stable_code.startswith("setup_"):
                    raise
                return self._remembered(key, recipe, base, began, error)
        told = {
            "collected": report.collected,
            "missing": [asdict(each) for each in report.missing],
            "output": report.output,
        }
        write_text(self._record(key), json.dumps(told))
        await self.evict(keep=key)
        return Setup(
            key=key,
            image=layer.image,
            base=base.name,
            languages=recipe.languages,
            built=True,
            seconds=time.monotonic() - began,
            steps=report.steps,
            collected=report.collected,
            missing=report.missing,
            output=report.output,
            data_bytes=report.data_bytes,
        )

    def _remembered(self, key: str, recipe: Recipe, base: BaseImage, began: float, error: Refused) -> Setup:
        why = (error.stable_code, error.message, error.hint)
        if why[0] not in ABOUT_LOGINS:
            write_text(self._record(key), json.dumps({"code": why[0], "message": why[1], "hint": why[2]}))
        return self._failed(key, recipe, base, time.monotonic() - began, why)

    @staticmethod
    def _failed(key: str, recipe: Recipe, base: BaseImage, seconds: float, why: tuple[str, str, str]) -> Setup:
        return Setup(
            key=key,
            image="",
            base=base.name,
            languages=recipe.languages,
            built=False,
            seconds=seconds,
            collected=False,
            code=why[0],
            message=why[1],
            hint=why[2],
        )

    def _record(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _spec_of(self, base: BaseImage) -> Spec:
        """What a set-up sandbox looks like: roomier than that of a run, and with a place for the environment."""
        limits, room = self._spec.limits, self._bounds.environment_mb
        return Spec(
            image=base.digest,
            runtime=self._spec.runtime,
            profile="packages",
            limits=Limits(
                memory_mb=limits.memory_mb + 2 * room,  # what lies in its file systems counts as memory
                cpus=limits.cpus,
                pids=max(limits.pids, 1_024),
                work_mb=max(limits.work_mb, room),
                tmp_mb=max(limits.tmp_mb, room),
                files=limits.files,
                file_mb=max(limits.file_mb, 2_048),
                inodes=1_000_000,
                layer_mb=room,
            ),
        )
