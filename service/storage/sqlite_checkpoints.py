"""Checkpoints in a SQLite file, fenced: a write and the look at its lease are one transaction.

``InlineConnection`` is aiosqlite's interface, as LangGraph's saver knows it, over a connection that works without
a thread.
"""

import asyncio
import json
import sqlite3
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_metadata,
)
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from sqlalchemy.ext.asyncio import AsyncEngine

from database import DatabaseUnavailable, SqliteConnection, SqliteLog, open_sqlite, turnstile
from service.runs.runs import held, lease_lost


@dataclass(frozen=True, slots=True)
class InlineCursor:
    """What was executed last, and its rows."""

    cursor: Any

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> "InlineCursor":
        """See ``aiosqlite``."""
        await self.cursor.run(sql, parameters)
        return self

    async def executemany(self, sql: str, rows: Sequence[Any]) -> "InlineCursor":
        """See ``aiosqlite``."""
        await self.cursor.run_all(sql, rows)
        return self

    async def fetchone(self) -> Any:
        """See ``aiosqlite``."""
        return self.cursor.fetchone()

    async def fetchall(self) -> list[Any]:
        """See ``aiosqlite``."""
        return self.cursor.fetchall()

    async def __aiter__(self) -> AsyncGenerator[Any]:
        for row in self.cursor.fetchall():
            yield row


@dataclass(frozen=True, slots=True)
class Executing:
    """A cursor to be: awaited, or entered."""

    work: Coroutine[Any, Any, InlineCursor]

    def __await__(self) -> Generator[Any, Any, InlineCursor]:
        return self.work.__await__()

    async def __aenter__(self) -> InlineCursor:
        return await self.work

    async def __aexit__(self, *_: object) -> None:
        """Nothing is left open: rows are fetched with their statement."""


@dataclass(frozen=True, slots=True)
class InlineConnection:
    """An ``aiosqlite.Connection``."""

    connection: SqliteConnection
    _thread: None = None
    """Looked at to know whether it was started; it needs no start."""

    def __await__(self) -> Generator[Any, Any, "InlineConnection"]:
        yield from ()
        return self

    def cursor(self) -> Executing:
        """See ``aiosqlite``."""

        async def made() -> InlineCursor:
            return InlineCursor(self.connection.cursor())

        return Executing(made())

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Executing:
        """See ``aiosqlite``."""
        return Executing(InlineCursor(self.connection.cursor()).execute(sql, parameters))

    def executescript(self, script: str) -> Executing:
        """See ``aiosqlite``. For the schema, when the file is opened."""

        async def ran() -> InlineCursor:
            return InlineCursor(self.connection.executescript(script))

        return Executing(ran())

    async def commit(self) -> None:
        """See ``aiosqlite``."""
        self.connection.commit()

    def rollback(self) -> None:
        """Take the transaction back."""
        self.connection.rollback()

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingWrite:
    """Rows that wait for the next transaction, and whoever waits for them."""

    lease: tuple[str, int] | None
    statement: str
    rows: Sequence[Sequence[Any]]
    done: "asyncio.Future[None]"


class FencedSqlite(AsyncSqliteSaver):
    """Looks at the lease and writes in one transaction. The rows are attached as ``leases``.

    The transaction is begun for both files, so whoever takes a lease comes before the look or after the write.
    What is to be written at the same moment, by one run or several, shares it; nobody goes on before it is kept.
    """

    conn: InlineConnection  # type: ignore[assignment]
    turnstile: AbstractAsyncContextManager[object]
    waiting: list[PendingWrite]
    keeping: "asyncio.Task[None] | None" = None

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,  # noqa: ARG002
    ) -> RunnableConfig:
        """See ``BaseCheckpointSaver.aput``. Raises ``lease_lost``."""
        named: Mapping[str, Any] = config.get("configurable", {})
        thread, space, id_ = str(named["thread_id"]), str(named["checkpoint_ns"]), checkpoint["id"]
        about = json.dumps(get_checkpoint_metadata(config, metadata), ensure_ascii=False).encode(errors="ignore")
        row = (thread, space, id_, named.get("checkpoint_id"), *self.serde.dumps_typed(checkpoint), about)
        await self._write(config, _CHECKPOINT, [row])
        return {"configurable": {"thread_id": named["thread_id"], "checkpoint_ns": space, "checkpoint_id": id_}}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See ``BaseCheckpointSaver.aput_writes``. Raises ``lease_lost``."""
        named: Mapping[str, Any] = config.get("configurable", {})
        at = (str(named["thread_id"]), str(named["checkpoint_ns"]), str(named["checkpoint_id"]), task_id, task_path)
        rows = [
            (*at, WRITES_IDX_MAP.get(channel, number), channel, *self.serde.dumps_typed(value))
            for number, (channel, value) in enumerate(writes)
        ]
        # Errors and interrupts replace those of an earlier attempt; what a task came to stays as it was first.
        again = all(channel in WRITES_IDX_MAP for channel, _ in writes)
        await self._write(config, _WRITES.format("REPLACE" if again else "IGNORE"), rows)

    async def alist(self, *args: Any, **kwargs: Any) -> AsyncIterator[CheckpointTuple]:
        """See ``BaseCheckpointSaver.alist``. All of them are read before the first is given out: nobody waits."""
        for checkpoint in [each async for each in super().alist(*args, **kwargs)]:
            yield checkpoint

    async def adelete_thread(self, thread_id: str) -> None:
        """See ``BaseCheckpointSaver.adelete_thread``; the bytes are overwritten, and no other write is between."""
        await self.setup()
        async with self.turnstile:
            await self.conn.execute("PRAGMA secure_delete=ON")
            try:
                await self.conn.execute("BEGIN IMMEDIATE")
                for table in ("checkpoints", "writes"):
                    await self.conn.execute(f"DELETE FROM {table} WHERE thread_id = ?", (str(thread_id),))  # noqa: S608
                await self.conn.commit()
            except BaseException:
                self.conn.rollback()
                raise
            finally:
                await self.conn.execute("PRAGMA secure_delete=OFF")

    async def _write(self, config: RunnableConfig, statement: str, rows: Sequence[Sequence[Any]]) -> None:
        """Return when the rows are kept."""
        await self.setup()
        done = asyncio.get_running_loop().create_future()
        self.waiting.append(PendingWrite(lease=held(config), statement=statement, rows=rows, done=done))
        if self.keeping is None:
            self.keeping = asyncio.create_task(self._keep())
        await done

    async def _keep(self) -> None:
        """Write what waits, in one transaction; a write whose lease is lost fails alone."""
        # At once: what a node came to is told by its stream, and a crash before it is kept has it told twice.
        async with self.turnstile:
            # What comes from here on is for the next transaction: this one has its batch.
            self.keeping = None
            batch, self.waiting = [each for each in self.waiting if not each.done.done()], []
            try:
                await self.conn.execute("BEGIN IMMEDIATE")
                refused = [each for each in batch if not await self._written(each)]
                await self.conn.commit()
            except sqlite3.Error as error:
                self.conn.rollback()
                for each in batch:
                    _fail(each, DatabaseUnavailable(f"A checkpoint was not kept: {error}", hint="Is the disk full?"))
                return
            except BaseException:
                self.conn.rollback()
                for each in batch:
                    each.done.cancel()
                raise
        for each in batch:
            if each in refused:
                _fail(each, lease_lost(each.lease[0] if each.lease else ""))
            elif not each.done.done():
                each.done.set_result(None)

    async def _written(self, write: PendingWrite) -> bool:
        """Write, or return False when the lease is lost."""
        if write.lease is not None:
            held_by = await self.conn.execute(_LEASE, write.lease)
            if await held_by.fetchone() is None:
                return False
        async with self.conn.cursor() as cursor:
            await cursor.executemany(write.statement, write.rows)
        return True


def _fail(write: PendingWrite, error: Exception) -> None:
    if not write.done.done():
        write.done.set_exception(error)


_LEASE = "SELECT 1 FROM leases.runs WHERE id = ? AND generation = ?"
_CHECKPOINT = (
    "INSERT OR REPLACE INTO checkpoints "
    "(thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, type, checkpoint, metadata) "
    "VALUES (?, ?, ?, ?, ?, ?, ?)"
)
_WRITES = (
    "INSERT OR {} INTO writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, value) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


@asynccontextmanager
async def open_sqlite_saver(path: Path, rows: AsyncEngine) -> AsyncGenerator[FencedSqlite]:
    """Open the checkpoints of a home folder, beside its rows."""
    try:
        opened = open_sqlite(SqliteLog(path))
    except sqlite3.OperationalError as error:
        raise DatabaseUnavailable(
            f"{path} cannot be opened: {error}",
            hint="Check that its disk is not full and can be written: docs/runbooks/disk-full.md",
        ) from error
    with closing(InlineConnection(opened)) as connection:
        # Both files in one connection: only so a look at the lease and a write are one transaction.
        await connection.execute("ATTACH DATABASE ? AS leases", (rows.url.database,))
        saver = FencedSqlite(cast("Any", connection))
        saver.turnstile, saver.waiting = turnstile(rows), []
        yield saver
