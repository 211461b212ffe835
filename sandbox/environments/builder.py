"""Builder of environments: a recipe is carried out in a set-up sandbox, checked, and sent out as an archive.

The set-up sandbox is hardened like every other and holds no secret of the run; it may reach the package registries. It
is the only one in which ``/opt/env`` can be written to.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from domain import CommandRun, Refused, SandboxLost, value
from domain.environment_faults import EnvironmentFault, environment_faults, plain_name
from sandbox.contract import REPO, Backend, Spec
from sandbox.environments.credentials import Credentials, unauthorized_host
from sandbox.environments.failures import setup_fault, wants_older_pytest
from sandbox.environments.layer import LayerSize, sealed_layer
from sandbox.environments.recipe import Recipe, SetupStep, quoted
from sandbox.inside import SYSTEM_PATH, environment_script
from sandbox.inside.environment import ROOT
from sandbox.revisions import Pinned
from sandbox.workspace.store import Store
from sandbox.workspace.workspace import Workspace

TAIL = 3_000
"""Characters of output that are kept of a step that failed."""
ROUNDS = 3
"""So often what a check finds missing is installed, and it is checked again."""
OLDER_PYTEST = "pytest<8"
"""What hooks and plug-ins of projects were written for that no longer load; tried where nothing else is missing."""
_SEND_S = 600.0
_PARTS, _PART_BYTES = "/tmp/.signoff-parts", 32 << 20  # noqa: S108  the sandbox's own
_PACK = f"""
set -eu
find /tmp -mindepth 1 -maxdepth 1 -exec rm -rf {{}} +
mkdir {_PARTS}
tar --create --format=posix --directory=/ {ROOT.removeprefix("/")} | split -b {_PART_BYTES} -a 4 - {_PARTS}/
ls {_PARTS}
"""
"""In parts, because a file is read as a whole."""
_TIDY_S = 300.0
_HOME = "/work/home"
_NOTHING_THERE = "(from versions: none)"


@value
class SetupProgress:
    """Where a set-up stands."""

    step: int
    steps: int
    title: str


Progress = Callable[[SetupProgress], None]


@value
class StepResult:
    """How one step went."""

    title: str
    ok: bool
    seconds: float
    reason: str = ""
    output: str = ""
    """The end of what it printed, where it failed."""


@value
class BuildReport:
    """What came of a recipe."""

    steps: tuple[StepResult, ...]
    collected: bool
    """The test runner finds its tests; True as well where there is nothing to check."""
    missing: tuple[EnvironmentFault, ...] = ()
    """What the check found missing in the end."""
    output: str = ""
    """The end of what the check printed, where it failed."""
    entries: int = 0
    data_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvironmentBuilder:
    """Builds on sandboxes of one backend, whose profile ``packages`` is the way out of set-ups."""

    backend: Backend
    store: Store
    most_bytes: int
    credentials: Credentials = field(default_factory=Credentials)

    async def build(
        self, run: str, pinned: Pinned, recipe: Recipe, spec: Spec, archive: Path, *, seconds: float, progress: Progress
    ) -> BuildReport:
        """Carry a recipe out on the files of a run's base, and write the layer to ``archive``.

        Raises:
            Refused: ``setup_failed`` or what ``setup_fault`` names, with the end of what was printed;
                ``setup_unauthorized``, ``setup_leaked``, ``setup_timeout``.
            SandboxLost: the sandbox went away.
        """
        ends = time.monotonic() + seconds
        sandbox = await self.backend.lease(spec, run=run)
        workspace = Workspace(sandbox, self.store, run, pinned)
        try:
            await workspace.fill(self.store.whole(run, pinned.tree))
            setup = _Setup(workspace, recipe, ends, self.credentials)
            results: list[StepResult] = []
            for number, step in enumerate(recipe.steps, 1):
                progress(SetupProgress(step=number, steps=len(recipe.steps) + 1, title=step.title))
                results.append(await setup.step(step))
            progress(
                SetupProgress(
                    step=len(recipe.steps) + 1, steps=len(recipe.steps) + 1, title="Check that tests are found"
                )
            )
            ran, more = await setup.checked()
            size = await self._sent(workspace, archive)
        finally:
            await workspace.close()
        output = "" if ran is None or ran.ok else _tail(ran, self.credentials)
        return BuildReport(
            steps=(*results, *more),
            collected=ran is None or ran.ok,
            missing=environment_faults(output, (), recipe.declared) if output else (),
            output=output,
            entries=size.entries,
            data_bytes=size.data_bytes,
        )

    async def _sent(self, workspace: Workspace, archive: Path) -> LayerSize:
        """Take the layer out of the sandbox, and make it sound."""
        argv = ["python3", "-I", "-S", "-c", environment_script(), "collect"]
        collected = await workspace.run(argv, cwd="/", env={"PATH": SYSTEM_PATH}, timeout_s=_TIDY_S)
        if not collected.ok:
            raise failed("its files could not be collected", _tail(collected, self.credentials))
        ran = await workspace.run(["sh", "-c", _PACK], cwd="/", env={"PATH": SYSTEM_PATH}, timeout_s=_SEND_S)
        if not ran.ok:
            raise failed("it could not be packed", _tail(ran, self.credentials))
        sent, left = archive.with_suffix(".sent"), self.most_bytes + (64 << 20)
        try:
            with sent.open("wb") as file:
                for name in ran.stdout.text().split():
                    part = await workspace.read(f"{_PARTS}/{name}", limit=_PART_BYTES)
                    left -= len(part)
                    if left < 0:
                        raise failed("it is too large", "")
                    await asyncio.to_thread(file.write, part)
            return await asyncio.to_thread(self._sealed, sent, archive)
        finally:
            sent.unlink(missing_ok=True)

    def _sealed(self, sent: Path, archive: Path) -> LayerSize:
        with sent.open("rb") as theirs, archive.open("wb") as ours:
            return sealed_layer(
                theirs,
                ours,
                below=ROOT.removeprefix("/"),
                most_bytes=self.most_bytes,
                forbidden=self.credentials.needles,
            )


class _Setup:
    """The steps of one recipe, in one sandbox, until its time is over."""

    def __init__(self, workspace: Workspace, recipe: Recipe, ends: float, credentials: Credentials) -> None:
        self._workspace, self._recipe, self._ends, self._credentials = workspace, recipe, ends, credentials
        self._folder = f"{REPO}/{recipe.folder}" if recipe.folder else REPO

    async def step(self, step: SetupStep) -> StepResult:
        """Carry one step out: its commands are tried in their order until one passes."""
        began, output, starved = time.monotonic(), "", False
        for command in step.commands:
            async with self._logged_in() as variables:
                ran = await self._run(command, variables)
            if ran.ok:
                return StepResult(title=step.title, ok=True, seconds=time.monotonic() - began, reason=step.reason)
            # The first way is the right one: its failure says more than those of others.
            output = output or _tail(ran, self._credentials)
            starved = starved or ran.ended == "oom"
        if step.needed:
            if _NOTHING_THERE in output:  # pip says nothing louder of an index that wants a login
                async with self._logged_in() as variables:
                    ran = await self._run(step.commands[0].replace(" --quiet ", " -vv "), variables)
                output += _tail(ran, self._credentials)
            hosts = [each.host for each in self._credentials.logins]
            if (host := unauthorized_host(output, hosts)) is not None:
                raise _unauthorized(host, output, known=host in hosts)
            did = f"{step.title[:1].lower()}{step.title[1:]} did not work"
            if (fault := setup_fault(output, step.reason, starved=starved)) is not None:
                raise Refused(
                    f"The environment could not be set up: {did}: {fault.message}. It printed:\n{output[-TAIL:]}",
                    code=fault.code,
                    hint=fault.hint,
                )
            raise failed(did, output)
        return StepResult(
            title=step.title, ok=False, seconds=time.monotonic() - began, reason=step.reason, output=output
        )

    async def checked(self) -> tuple[CommandRun | None, tuple[StepResult, ...]]:
        """Check that tests are found; what is missing and declared somewhere, or known to everybody, is installed."""
        more: list[StepResult] = []
        if not self._recipe.check:
            return None, ()
        # As in a run: with the caches and without the network that its commands will have.
        variables = dict(self._recipe.variables)
        ran, tried = await self._run(self._recipe.check, variables), set[str]()
        for _ in range(ROUNDS if "python" in self._recipe.languages else 0):
            faults = environment_faults(_text(ran, self._credentials), (), self._recipe.declared) if not ran.ok else ()
            wanted = {each.package for each in faults if each.kind in {"module", "plugin"} and each.package} - tried
            if (
                not ran.ok
                and not wanted
                and OLDER_PYTEST not in tried
                and wants_older_pytest(_text(ran, self._credentials))
            ):
                wanted = {OLDER_PYTEST}
            if not wanted:
                break
            tried |= wanted
            names = tuple(sorted(wanted, key=plain_name))
            install = f"{ROOT}/venv/bin/python -m pip install --quiet {quoted(names)}"
            more.append(
                await self.step(
                    SetupStep(title=f"Install {', '.join(names)}", commands=(install,), reason="missing", needed=False)
                )
            )
            ran = await self._run(self._recipe.check, variables)
        return ran, tuple(more)

    @asynccontextmanager
    async def _logged_in(self) -> AsyncGenerator[Mapping[str, str]]:
        """Lay the credentials into the home folder for as long as one step runs."""
        files = self._credentials.files()
        for name, text in files.items():
            await self._workspace.write(f"{_HOME}/{name}", text.encode(), mode=0o600)
        own = await self._npmrc() if files else ""
        try:
            yield self._credentials.variables(own)
        finally:
            for name in files:
                with suppress(Refused, SandboxLost):  # the step may have removed it, or the sandbox is gone
                    await self._workspace.delete(f"{_HOME}/{name}")

    async def _npmrc(self) -> str:
        """The project's own file, which may want tokens in variables."""
        with suppress(Refused):
            return (await self._workspace.read(f"{self._folder}/.npmrc", limit=1 << 16)).decode(errors="replace")
        return ""

    async def _run(self, command: str, variables: Mapping[str, str] | None = None) -> CommandRun:
        left = self._ends - time.monotonic()
        if left <= 0:
            raise _timeout()
        ran = await self._workspace.shell(
            f"cd {quoted([self._folder])} && {command}", timeout_s=left, env={**self._variables(), **(variables or {})}
        )
        if ran.ended == "timeout":
            raise _timeout(_tail(ran, self._credentials))
        return ran

    def _variables(self) -> Mapping[str, str]:
        places = [f"{ROOT}/{place}" for place in dict.fromkeys((*self._recipe.path, "venv/bin", "node/bin"))]
        return {
            **dict(self._recipe.build_variables),
            "PATH": ":".join([*places, SYSTEM_PATH]),
            "CI": "true",
            "SIGNOFF_ENV": ROOT,
            "PIP_NO_INPUT": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
            "UV_CACHE_DIR": "/tmp/uv",  # noqa: S108  the sandbox's own
            "npm_config_cache": "/tmp/npm",  # noqa: S108
            "npm_config_update_notifier": "false",
            "HUSKY": "0",
        }


def _text(ran: CommandRun, credentials: Credentials) -> str:
    """What a command printed, as it may be shown: one without a login may print what an earlier one left, too."""
    return credentials.masked(f"{ran.stdout.text()}\n{ran.stderr.text()}".strip())


def _tail(ran: CommandRun, credentials: Credentials) -> str:
    return _text(ran, credentials)[-TAIL:]


def failed(why: str, output: str) -> Refused:
    """An environment that could not be built, with what was printed last."""
    return Refused(
        f"The environment could not be set up: {why}." + (f" It printed:\n{output[-TAIL:]}" if output else ""),
        code="setup_failed",
        hint="See what was detected: signoff sandbox setup --dry-run. Say it yourself in .signoff/setup.sh",
    )


def _unauthorized(host: str, output: str, *, known: bool) -> Refused:
    """A package index that wants a login, or does not take the one it got."""
    which = host or "A package index"
    why = "does not take the login it was given" if known else "wants a login"
    return Refused(
        f"{which} {why}. It printed:\n{output[-TAIL:]}",
        code="setup_unauthorized",
        hint=f"Name it for set-ups: SIGNOFF_SETUP_CREDENTIALS={host or 'HOST'}=file:PATH, or env:NAME "
        "(docs/sandbox.md, Private indexes).",
    )


def _timeout(output: str = "") -> Refused:
    return Refused(
        "Setting up the environment took too long." + (f" It printed:\n{output[-TAIL:]}" if output else ""),
        code="setup_timeout",
        hint="Give it more time (SIGNOFF_SETUP_MINUTES), or install less in .signoff/setup.sh",
    )
