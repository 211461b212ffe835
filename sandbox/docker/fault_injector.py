"""Fault injector on a Docker engine: what somebody with access to it can do to a sandbox. For the attack suite.

``docker_arena`` is where that suite attacks: small containers, and the injector behind them.
"""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import docker
from docker.errors import NotFound

from sandbox.attacks import Arena
from sandbox.contract import Limits, Sandbox, Spec
from sandbox.docker import api as engine_api
from sandbox.docker.backend import Docker

SMALL = Limits(memory_mb=512, work_mb=64, tmp_mb=32, file_mb=256, inodes=20_000)
"""Limits that attacks reach in seconds; whether they hold does not depend on their size."""


def docker_arena(backend: Docker, spec: Spec) -> Arena:
    """Return an arena on the engine of ``backend``."""
    small = replace(spec, limits=SMALL, profile="sealed")
    return Arena(backend=backend, spec=small, hand=DockerFaultInjector(backend, small), with_egress=backend.like)


class DockerEngine(Protocol):
    address: str | None

    async def ask(self, spec: Spec, question: Callable[[docker.APIClient], Any]) -> Any: ...


class DockerFaultInjector:
    """Kills, freezes and thaws containers behind the orchestrator's back."""

    def __init__(self, engine: DockerEngine, spec: Spec) -> None:
        self._engine, self._spec = engine, spec

    @property
    def address(self) -> str | None:
        return self._engine.address

    async def kill(self, sandbox: Sandbox) -> None:
        await self._engine.ask(self._spec, partial(_do, "kill", sandbox.id))

    async def freeze(self, sandbox: Sandbox) -> None:
        await self._engine.ask(self._spec, partial(_do, "pause", sandbox.id))

    async def thaw(self, sandbox: Sandbox) -> None:
        await self._engine.ask(self._spec, partial(_do, "unpause", sandbox.id))

    async def alive(self, name: str) -> bool:
        def running(api: docker.APIClient) -> bool:
            try:
                return bool(api.inspect_container(name)["State"]["Running"])
            except NotFound:
                return False

        return bool(await self._engine.ask(self._spec, running))

    async def disk_bytes(self) -> int:
        """Bytes used where the engine keeps its data; on a remote engine, here."""
        root = Path((await self._engine.ask(self._spec, engine_api.info))["DockerRootDir"])
        return await asyncio.to_thread(lambda: shutil.disk_usage(root if root.exists() else Path("/")).used)


def _do(what: str, container: str, api: docker.APIClient) -> None:
    try:
        getattr(api, what)(container)
    except NotFound:
        return  # gone already
