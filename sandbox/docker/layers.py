"""Layers of environments as images of the engine: found by their key, made without running anything, evicted by age.

An image is the sandbox's own with one layer on top. Its container is never started: an archive is unpacked into it and
it is committed.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar

import docker
from docker.errors import APIError, ImageNotFound

from domain import value
from sandbox.contract import Spec

T = TypeVar("T")
REPOSITORY = "signoff-env"
_LABEL = "signoff.environment"
_MAKING = f"{_LABEL}.making"
_FORGOTTEN_S = 3_600.0


class AskedEngine(Protocol):
    """An engine that questions are put to, in a thread."""

    async def ask(self, spec: Spec, question: Callable[[docker.APIClient], T]) -> T: ...


@value
class Layer:
    """An environment that is there."""

    key: str
    image: str
    data_bytes: int = 0
    created_s: float = 0.0
    """Seconds since the epoch."""


@value
class ImageFacts:
    """What an image says about itself."""

    digest: str
    path: str = ""
    """Of its programs."""


class DockerLayers:
    """The environments of one engine."""

    def __init__(self, engine: AskedEngine) -> None:
        self._engine = engine

    async def facts(self, image: str) -> ImageFacts | None:
        """What an image is; None when there is none of this name."""

        def asked(api: docker.APIClient) -> ImageFacts | None:
            try:
                told = api.inspect_image(image)
            except ImageNotFound:
                return None
            pairs = dict(pair.split("=", 1) for pair in told["Config"].get("Env") or () if "=" in pair)
            return ImageFacts(digest=told["Id"], path=pairs.get("PATH", ""))

        return await self._engine.ask(Spec(image=image), asked)

    async def find(self, key: str) -> Layer | None:
        """The environment of a key; None when it has to be built."""
        image = f"{REPOSITORY}:{key}"

        def asked(api: docker.APIClient) -> Layer | None:
            try:
                told = api.inspect_image(image)
            except ImageNotFound:
                return None
            return Layer(key=key, image=image, data_bytes=_size(told["Config"].get("Labels") or {}))

        return await self._engine.ask(Spec(image=image), asked)

    async def put(self, key: str, base: str, archive: Path, variables: Mapping[str, str], *, data_bytes: int) -> Layer:
        """Make the image of a key from an archive; the same key again replaces it."""

        def asked(api: docker.APIClient) -> None:
            body: dict[str, Any] = {
                "Image": base,
                "Cmd": ["true"],
                "NetworkDisabled": True,
                "Labels": {_MAKING: key},
                "HostConfig": {"NetworkMode": "none", "LogConfig": {"Type": "none", "Config": {}}},
            }
            container = api.create_container_from_config(body)["Id"]
            try:
                with archive.open("rb") as data:
                    api.put_archive(container, "/", data)
                changes = [f"ENV {name}={_worded(text)}" for name, text in variables.items()]
                changes += [f'LABEL {_LABEL}="{key}" {_LABEL}.bytes="{data_bytes}" {_MAKING}=""']
                api.commit(container, repository=REPOSITORY, tag=key, pause=False, changes=changes)
            finally:
                api.remove_container(container, force=True)

        await self._engine.ask(Spec(image=base), asked)
        return Layer(key=key, image=f"{REPOSITORY}:{key}", data_bytes=data_bytes, created_s=time.time())

    async def all(self) -> tuple[Layer, ...]:
        """Every environment of this engine."""

        def asked(api: docker.APIClient) -> tuple[Layer, ...]:
            listed = api.images(name=REPOSITORY, filters={"label": _LABEL})
            return tuple(
                Layer(
                    key=tag.rpartition(":")[2],
                    image=tag,
                    data_bytes=_size(each.get("Labels") or {}),
                    created_s=float(each["Created"]),
                )
                for each in listed
                for tag in each["RepoTags"] or ()
            )

        return await self._engine.ask(Spec(), asked)

    async def remove(self, keys: Sequence[str]) -> tuple[str, ...]:
        """Remove environments; return those that went. One that a sandbox uses stays."""

        def asked(api: docker.APIClient) -> tuple[str, ...]:
            gone: list[str] = []
            for key in keys:
                with contextlib.suppress(APIError):
                    api.remove_image(f"{REPOSITORY}:{key}")
                    gone.append(key)
            return tuple(gone)

        return await self._engine.ask(Spec(), asked)

    async def tidy(self) -> None:
        """Remove what a process left that died while it made an image."""
        await self._engine.ask(Spec(), partial(_tidied, now=time.time()))


def _tidied(api: docker.APIClient, *, now: float) -> None:
    for container in api.containers(all=True, filters={"label": _MAKING, "status": "created"}):
        if now - container["Created"] > _FORGOTTEN_S:
            with contextlib.suppress(APIError):
                api.remove_container(container["Id"], force=True)


def _size(labels: Mapping[str, str]) -> int:
    told = labels.get(f"{_LABEL}.bytes", "0")
    return int(told) if told.isdigit() else 0


def _worded(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("$", "\\$") + '"'
