"""Fenced backend: sandboxes that obey the holder of their run's lease alone; a process that lost a run runs nothing.

What a step does there, and what its models cost, are its effects: they may not be lost with a checkpoint.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from domain import CommandRun, Spent
from domain.work import Profile
from models import UsageMeter
from sandbox import REPO, Backend, Check, Heard, Sandbox, Spec
from service.runs.runs import RunLeases


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
        # Not fenced: a sandbox is thrown away, whoever has its run by now.
        await self.sandbox.close()


APART = frozenset({"ask", "wait", "deliver", "team"})
"""Nodes that ask people, deliver, or take in what was begun in an earlier step: nothing overlaps with them."""


@dataclass(slots=True)
class StepEffects:
    """What steps of one run did that may not be done again: sandboxes they used, models they paid."""

    run: str
    leases: RunLeases
    meter: UsageMeter
    _paid: Spent = field(default_factory=Spent)

    def some(self) -> bool:
        """Whether there are any since they were taken last."""
        return self.run in self.leases.used or self.meter.spent != self._paid

    def taken(self) -> bool:
        """Whether there were any; from now on only later ones count."""
        some = self.some()
        self.leases.used.discard(self.run)
        self._paid = self.meter.spent
        return some


@runtime_checkable
class OverlappingSaver(Protocol):
    """A checkpointer that lets steps without effects go on while their checkpoints are written."""

    def overlapping(self, effects: StepEffects, generation: int, *, fresh: bool) -> AbstractAsyncContextManager[None]:
        """Inside, those of one lease do; afterwards all are kept. ``fresh``: the run has no checkpoint yet."""
        ...

    async def newest(self, thread: str) -> str:
        """Id of the checkpoint that a run stands at; empty: it has none."""
        ...
