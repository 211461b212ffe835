"""Nobody who lost a run may go on with it: not write its checkpoints, not run its commands.

A *generation* is the number of a run's lease. It travels in LangGraph's configuration, so every write of
a checkpoint says under which lease it was made; and this process knows until when each of its leases
lasts, so a process that slept through the end of one stops before the next command.
"""

import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata, CheckpointTuple
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import SqliteLog, open_sqlite, turnstile
from domain import CommandRun, Profile, Refused
from sandbox import REPO, Backend, Check, Heard, Sandbox, Spec
from service.inline import Inline

GENERATION = "generation"
"""Key in ``configurable``."""


def lease_lost(run: str) -> Refused:
    """The error for whoever lost a run."""
    return Refused(f"Run {run} was taken over or cancelled.", code="lease_lost",
                   hint="See how it stands: signoff show RUN")  # fmt: skip


def held(config: RunnableConfig) -> tuple[str, int] | None:
    """Run and generation that a write belongs to; None: it belongs to no lease."""
    named: Mapping[str, Any] = config.get("configurable", {})
    return (str(named["thread_id"]), int(named[GENERATION])) if GENERATION in named else None


class FencedSqlite(AsyncSqliteSaver):
    """Looks at the lease and writes in one transaction. The rows are attached as ``leases``.

    The transaction is begun for both files, so whoever takes a lease comes before the look or after the write.
    """

    conn: Inline  # type: ignore[assignment]
    turnstile: AbstractAsyncContextManager[object]

    async def aput(
        self, config: RunnableConfig, checkpoint: Checkpoint, metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:  # fmt: skip
        """See ``BaseCheckpointSaver.aput``. Raises ``lease_lost``."""
        async with self._under(config):
            return await super().aput(config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See ``BaseCheckpointSaver.aput_writes``. Raises ``lease_lost``."""
        async with self._under(config):
            await super().aput_writes(config, writes, task_id, task_path)

    async def alist(self, *args: Any, **kwargs: Any) -> AsyncIterator[CheckpointTuple]:
        """See ``BaseCheckpointSaver.alist``. All of them are read before the first is given out: nobody waits."""
        for found in [each async for each in super().alist(*args, **kwargs)]:
            yield found

    @asynccontextmanager
    async def _under(self, config: RunnableConfig) -> AsyncGenerator[None]:
        await self.setup()
        async with self.turnstile:
            await self.conn.execute("BEGIN IMMEDIATE")
            try:
                await self._ensure(config)
                yield
            except BaseException:
                self.conn.rollback()
                raise

    async def _ensure(self, config: RunnableConfig) -> None:
        if (lease := held(config)) is None:
            return
        found = await self.conn.execute("SELECT 1 FROM leases.runs WHERE id = ? AND generation = ?", lease)
        if await found.fetchone() is None:
            raise lease_lost(lease[0])


@asynccontextmanager
async def open_sqlite_saver(path: Path, rows: AsyncEngine) -> AsyncGenerator[FencedSqlite]:
    """Open the checkpoints of a home folder, beside its rows."""
    with closing(Inline(open_sqlite(SqliteLog(path)))) as connection:
        await connection.execute("ATTACH DATABASE ? AS leases", (rows.url.database,))
        saver = FencedSqlite(cast("Any", connection))
        saver.turnstile = turnstile(rows)
        yield saver


@dataclass(frozen=True, slots=True)
class Leases:
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
    leases: Leases

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
    leases: Leases
    owner: str

    @property
    def id(self) -> str:
        return self.sandbox.id

    @property
    def image_digest(self) -> str:
        return self.sandbox.image_digest

    async def run(
        self, argv: Sequence[str], *, cwd: str = REPO, env: Mapping[str, str] | None = None, stdin: bytes = b"",
        timeout_s: float = 60.0, heard: Heard | None = None,
    ) -> CommandRun:  # fmt: skip
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
