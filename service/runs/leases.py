"""Leases on runs, as fences: a process that lost a run may not write its checkpoints nor run its commands.

A *generation* is the number of a run's lease. It travels in LangGraph's configuration, so every write of
a checkpoint says under which lease it was made; and this process knows until when each of its leases
lasts, so a process that slept through the end of one stops before the next command.

An owner is named so that its death is noticed at once on the same machine. Elsewhere, and where the name says
nothing, a lease simply runs out.
"""

import os
import socket
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from langchain_core.runnables import RunnableConfig

from domain import CommandRun, Profile, Refused
from sandbox import REPO, Backend, Check, Heard, Sandbox, Spec

GENERATION = "generation"
"""Key in ``configurable``."""


def lease_lost(run: str) -> Refused:
    """The error for whoever lost a run."""
    return Refused(
        f"Run {run} was taken over or cancelled.", code="lease_lost", hint="See how it stands: signoff show RUN"
    )


@contextmanager
def though_lost() -> Generator[None]:
    """Let pass that the run is somebody else's by now, or nobody's."""
    try:
        yield
    except Refused as error:
        if error.stable_code != "lease_lost":
            raise


def held(config: RunnableConfig) -> tuple[str, int] | None:
    """Run and generation that a write belongs to; None: it belongs to no lease."""
    named: Mapping[str, Any] = config.get("configurable", {})
    return (str(named["thread_id"]), int(named[GENERATION])) if GENERATION in named else None


@dataclass(frozen=True, slots=True)
class RunLeases:
    """The leases of this process, and until when each lasts by its own clock."""

    clock: Callable[[], float] = time.monotonic
    until: dict[str, float] = field(default_factory=dict[str, float])

    def keep(self, run: str, seconds: float, *, since: float) -> None:
        """A lease was taken or renewed; ``since`` is when that was asked for."""
        self.until[run] = since + seconds

    def drop(self, run: str) -> None:
        """The lease was given back or lost."""
        self.until.pop(run, None)

    def ensure(self, run: str) -> None:
        """Raise ``lease_lost`` unless this process holds the run now."""
        if self.clock() >= self.until.get(run, 0.0):
            raise lease_lost(run)


@dataclass(frozen=True, slots=True)
class FencedBackend:
    """Gives out sandboxes that obey the holder of their run's lease alone."""

    backend: Backend
    leases: RunLeases

    async def lease(self, spec: Spec, *, run: str = "") -> Sandbox:
        """See ``Backend.lease``. Raises ``lease_lost``."""
        self.leases.ensure(run)
        return FencedSandbox(await self.backend.lease(spec, run=run), self.leases, run)

    async def check(self, spec: Spec) -> tuple[Check, ...]:
        """See ``Backend.check``."""
        return await self.backend.check(spec)

    async def close(self) -> None:
        """See ``Backend.close``."""
        await self.backend.close()


@dataclass(frozen=True, slots=True)
class FencedSandbox:
    """One of them."""

    sandbox: Sandbox
    leases: RunLeases
    owner: str

    @property
    def id(self) -> str:
        return self.sandbox.id

    @property
    def image_digest(self) -> str:
        return self.sandbox.image_digest

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str = REPO,
        env: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        timeout_s: float = 60.0,
        heard: Heard | None = None,
    ) -> CommandRun:
        """See ``Sandbox.run``. Raises ``lease_lost``."""
        self.leases.ensure(self.owner)
        return await self.sandbox.run(argv, cwd=cwd, env=env, stdin=stdin, timeout_s=timeout_s, heard=heard)

    async def read(self, path: str, *, limit: int = 8 << 20) -> bytes:
        """See ``Sandbox.read``. Raises ``lease_lost``."""
        self.leases.ensure(self.owner)
        return await self.sandbox.read(path, limit=limit)

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """See ``Sandbox.write``. Raises ``lease_lost``."""
        self.leases.ensure(self.owner)
        await self.sandbox.write(path, data, mode=mode)

    async def delete(self, path: str) -> None:
        """See ``Sandbox.delete``. Raises ``lease_lost``."""
        self.leases.ensure(self.owner)
        await self.sandbox.delete(path)

    async def ping(self) -> None:
        """See ``Sandbox.ping``."""
        await self.sandbox.ping()

    async def permit(self, profile: Profile, *, run: str = "") -> None:
        """See ``Sandbox.permit``. Raises ``lease_lost``."""
        self.leases.ensure(self.owner)
        await self.sandbox.permit(profile, run=run)

    async def close(self) -> None:
        """See ``Sandbox.close``."""
        await self.sandbox.close()


_STARTED = 21
"""Position of the start time in /proc/PID/stat (proc(5), field 22)."""


def own_name() -> str:
    """``host/pid/start/random`` of this very process."""
    pid = os.getpid()
    return f"{socket.gethostname()}/{pid}/{_start_of(pid) or 0}/{uuid4().hex[:8]}"


def is_gone(owner: str | None) -> bool:
    """True when the named process is known to be dead; False when it lives or nothing is known."""
    parts = (owner or "").split("/")
    if len(parts) != 4 or parts[0] != socket.gethostname() or not parts[1].isdigit():  # noqa: PLR2004 - the four above
        return False
    if not Path("/proc/self/stat").exists():
        return False
    return _start_of(int(parts[1])) != parts[2]


def _start_of(pid: int) -> str | None:
    """When a process started, in clock ticks since boot; pids are used again, pairs of both are not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[_STARTED - 2]
