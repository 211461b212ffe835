"""Checkpoints on a PostgreSQL server, fenced: a write and the look at its lease are one statement.

Whoever writes waits until it is kept. Inside ``overlapping`` a step that did nothing which must not be done twice lets
the next one begin meanwhile: what a kill takes with it is done again, and nobody can tell. All that waits for a run is
kept by one statement, in the order in which it came, whole or not at all.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    WRITES_IDX_MAP,
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    copy_checkpoint,
    get_checkpoint_id,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.types import _DeltaSnapshot  # pyright: ignore[reportPrivateUsage]  a stored type
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool
from typing_extensions import override

from database import DatabaseUnavailable
from database.pool import pool_of
from service.runs.fenced_backend import APART, StepEffects
from service.runs.runs import held, lease_lost

MOST_CONNECTIONS = 6
ANSWER_S = 60.0
"""The longest one call may take: a connection whose other end died without a word says nothing."""
GATHER_S = 0.01
"""How long a checkpoint that nobody waits for may wait for the next one."""
UPCOMING = "branch:to:"
"""What LangGraph's channels begin with that name the nodes of the next step."""

_NEWEST = """
SELECT checkpoint_id FROM checkpoints WHERE thread_id = %s AND checkpoint_ns = ''
ORDER BY checkpoint_id DESC LIMIT 1"""
_LEASE = "SELECT 1 FROM runs WHERE id = %(thread)s AND generation = %(generation)s::integer FOR SHARE"
# The row's lock lasts as long as the statement: whoever takes the lease comes before the look or after all of it.
# One JSON document and one array, in which the rows have the places of their blobs: an array for each column costs a
# tenth of a run's processor time to write.
_KEEP = """
WITH lease AS ({lease}), blobs AS (
    INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
    SELECT %(thread)s::text, row->>0, row->>1, row->>2, row->>3, (%(blobs)b::bytea[])[(row->>4)::integer]
    FROM lease, jsonb_array_elements(%(rows)s::jsonb->'blobs') AS new(row)
    ON CONFLICT (thread_id, checkpoint_ns, channel, version) DO NOTHING
), checkpoints AS (
    INSERT INTO checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
    SELECT %(thread)s::text, row->>0, row->>1, row->>2, (row->>3)::jsonb, (row->>4)::jsonb
    FROM lease, jsonb_array_elements(%(rows)s::jsonb->'checkpoints') AS new(row)
    ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id)
    DO UPDATE SET checkpoint = EXCLUDED.checkpoint, metadata = EXCLUDED.metadata
), writes AS (
    INSERT INTO checkpoint_writes
        (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
    SELECT %(thread)s::text, row->>0, row->>1, row->>2, row->>3, (row->>4)::integer, row->>5, row->>6,
        (%(blobs)b::bytea[])[(row->>7)::integer]
    FROM lease, jsonb_array_elements(%(rows)s::jsonb->'writes') AS new(row)
    ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) DO NOTHING
), replacing AS (
    INSERT INTO checkpoint_writes
        (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
    SELECT %(thread)s::text, row->>0, row->>1, row->>2, row->>3, (row->>4)::integer, row->>5, row->>6,
        (%(blobs)b::bytea[])[(row->>7)::integer]
    FROM lease, jsonb_array_elements(%(rows)s::jsonb->'replacing') AS new(row)
    ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id, task_id, idx)
    DO UPDATE SET channel = EXCLUDED.channel, type = EXCLUDED.type, blob = EXCLUDED.blob
) SELECT count(*) AS held FROM lease"""
_FENCED, _FREE = (_KEEP.format(lease=lease).encode() for lease in (_LEASE, "SELECT 1"))

Rows = dict[tuple[Any, ...], tuple[Any, ...]]
Writer = tuple[str, int | None]
"""A run and the generation of its lease; without one it is written outside of any lease."""


@dataclass(slots=True)
class PendingBatch:
    """Rows of one run that wait for the next statement, by their keys, and whoever waits for them."""

    done: "asyncio.Future[None]"
    blobs: Rows = field(default_factory=Rows)
    checkpoints: Rows = field(default_factory=Rows)
    writes: Rows = field(default_factory=Rows)
    replacing: Rows = field(default_factory=Rows)

    def parameters(self, writer: Writer) -> dict[str, Any]:
        """What the statement takes: rows as JSON, in which the place of its blob stands for it, and the blobs."""
        blobs: list[bytes | None] = []

        def placed(rows: Rows) -> list[tuple[Any, ...]]:
            numbered: list[tuple[Any, ...]] = []
            for row in rows.values():
                blobs.append(row[-1])
                numbered.append((*row[:-1], len(blobs)))  # arrays begin with 1
            return numbered

        rows = {
            "blobs": placed(self.blobs),
            "checkpoints": list(self.checkpoints.values()),
            "writes": placed(self.writes),
            "replacing": placed(self.replacing),
        }
        return {"thread": writer[0], "generation": writer[1], "rows": json.dumps(rows), "blobs": blobs}


@dataclass(slots=True)
class Overlap:
    """A stretch of work whose steps go on while their checkpoints are written."""

    effects: StepEffects
    fresh: bool
    """No checkpoint was there when it began."""
    spaces: set[str] = field(default_factory=set[str])
    """Namespaces that have one by now."""
    read: dict[str, CheckpointTuple] = field(default_factory=dict[str, CheckpointTuple])
    """Checkpoints that were read under its lease and not written since, by namespace: the graph reads once more."""
    waits: bool = False
    """The step that is under way did something that must not be done again."""
    lost: Exception | None = None
    """Why a batch was not kept: nothing behind it may be, or there would be a hole."""


class FencedPostgres(AsyncPostgresSaver):
    """One statement for everything that waits, so that runs of one process do not wait for each other."""

    pool: AsyncConnectionPool[AsyncConnection[DictRow]]
    waiting: dict[Writer, PendingBatch]
    keeping: "dict[Writer, asyncio.Task[None]]"
    overlaps: dict[Writer, Overlap]
    before: Callable[[str], Awaitable[None]]
    """Called with a run before anything of it is written: what its checkpoint names has to be there by then."""

    @asynccontextmanager
    async def overlapping(self, effects: StepEffects, generation: int, *, fresh: bool) -> AsyncGenerator[None]:
        """Inside, steps of a run without effects do not wait; afterwards all of them are kept.

        ``fresh``: it has no checkpoint yet, so none is looked for. Raises what kept one from being written.
        """
        writer = (effects.run, generation)
        overlap = self.overlaps[writer] = Overlap(effects, fresh)
        try:
            yield
        finally:
            # Also when it is cancelled: nothing of this stretch may be written once another one has begun.
            try:
                await asyncio.shield(self._settled(effects.run))
            finally:
                del self.overlaps[writer]
        if overlap.lost is not None:
            raise overlap.lost

    @override
    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """See ``BaseCheckpointSaver.aput``. Raises ``lease_lost``."""
        named: Mapping[str, Any] = config.get("configurable", {})
        thread, space, id_ = str(named["thread_id"]), str(named["checkpoint_ns"]), checkpoint["id"]
        # As LangGraph's own saver does it: what JSON has no word for, and what is large, goes beside it.
        values, beside = dict(checkpoint["channel_values"]), dict[str, Any]()
        for channel, value in checkpoint["channel_values"].items():
            if isinstance(value, _DeltaSnapshot):
                beside[channel], values[channel] = value, True
            elif value is not None and not isinstance(value, str | int | float | bool):
                beside[channel] = values.pop(channel)
        versions = {channel: version for channel, version in new_versions.items() if channel in beside}
        batch = self._batch(config)
        for row in self._dump_blobs(thread, space, beside, versions):
            batch.blobs.setdefault(row[1:4], row[1:])
        inline = json.dumps({**checkpoint, "channel_values": values})
        about = json.dumps(get_serializable_checkpoint_metadata(config, metadata))
        batch.checkpoints[space, id_] = (space, id_, named.get("checkpoint_id"), inline, about)
        upcoming = {name.removeprefix(UPCOMING) for name in checkpoint["channel_values"] if name.startswith(UPCOMING)}
        await self._kept(config, batch, wait=self._must_wait(_writer(config), space, upcoming))
        return {"configurable": {"thread_id": named["thread_id"], "checkpoint_ns": space, "checkpoint_id": id_}}

    def _must_wait(self, writer: Writer, space: str, upcoming: set[str]) -> bool:
        """Whether the next step may not begin before the checkpoint of this one is kept."""
        if (overlap := self.overlaps.get(writer)) is None:
            return True
        overlap.spaces.add(space)
        wait = overlap.effects.taken() or overlap.waits or bool(upcoming & APART)
        overlap.waits = False
        return wait

    @override
    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See ``BaseCheckpointSaver.aput_writes``. Raises ``lease_lost``."""
        named: Mapping[str, Any] = config.get("configurable", {})
        thread, space, id_ = str(named["thread_id"]), str(named["checkpoint_ns"]), str(named["checkpoint_id"])
        # Errors and interrupts replace those of an earlier attempt; what a task came to stays as it was first.
        special = all(channel in WRITES_IDX_MAP for channel, _ in writes)
        batch = self._batch(config)
        for row in self._dump_writes(thread, space, id_, task_id, task_path, writes):
            key = (space, id_, task_id, row[5])
            if special:
                batch.writes.pop(key, None)
                batch.replacing[key] = row[1:]
            elif key not in batch.replacing:
                batch.writes.setdefault(key, row[1:])
        overlap = self.overlaps.get(_writer(config))
        if overlap is None:
            await self._kept(config, batch, wait=True)
            return
        # A task's path ends with its node.
        if special or task_path.rpartition(", ")[2] in APART or overlap.effects.some():
            overlap.waits = True
            await self._kept(config, batch, wait=True)
        # Else the checkpoint behind it, which comes at once, takes it along.

    @override
    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """See ``BaseCheckpointSaver.aget_tuple``."""
        named: Mapping[str, Any] = config.get("configurable", {})
        overlap, space = self.overlaps.get(_writer(config)), str(named.get("checkpoint_ns", ""))
        if overlap is not None and overlap.fresh and space not in overlap.spaces and not get_checkpoint_id(config):
            return None
        if overlap is None or get_checkpoint_id(config):
            await self._settled(str(named["thread_id"]))
            return await super().aget_tuple(config)
        if (known := overlap.read.pop(space, None)) is not None:
            return known
        await self._settled(str(named["thread_id"]))
        found = await super().aget_tuple(config)
        if found is not None:
            # Whoever reads changes the versions in place.
            overlap.read[space] = found._replace(checkpoint=copy_checkpoint(found.checkpoint))
        return found

    async def newest(self, thread: str) -> str:
        """Id of the checkpoint that a run stands at; empty: it has none."""
        await self._settled(thread)
        async with self._cursor() as cursor:
            await cursor.execute(_NEWEST, (thread,), prepare=True)
            row = await cursor.fetchone()
        return str(row["checkpoint_id"]) if row else ""

    @override
    async def alist(self, config: RunnableConfig | None, **kwargs: Any) -> AsyncIterator[CheckpointTuple]:
        """See ``BaseCheckpointSaver.alist``."""
        if config is not None:
            await self._settled(str(config.get("configurable", {}).get("thread_id", "")))
        async for checkpoint in super().alist(config, **kwargs):
            yield checkpoint

    @override
    async def aget_delta_channel_history(self, *, config: RunnableConfig, channels: Sequence[str]) -> Any:
        """See ``BaseCheckpointSaver.aget_delta_channel_history``."""
        await self._settled(str(config.get("configurable", {})["thread_id"]))
        return await super().aget_delta_channel_history(config=config, channels=channels)

    @override
    async def adelete_thread(self, thread_id: str) -> None:
        """See ``BaseCheckpointSaver.adelete_thread``."""
        await self._settled(str(thread_id))
        await super().adelete_thread(thread_id)

    def _batch(self, config: RunnableConfig) -> PendingBatch:
        """What the next statement of this writer takes."""
        writer = _writer(config)
        overlap = self.overlaps.get(writer)
        if overlap is not None and overlap.lost is not None:
            raise overlap.lost
        for each in (writer, *(other for other in self.overlaps if writer[1] is None and other[0] == writer[0])):
            if (written := self.overlaps.get(each)) is not None:
                written.read.clear()
        if (batch := self.waiting.get(writer)) is None:
            batch = self.waiting[writer] = PendingBatch(asyncio.get_running_loop().create_future())
        return batch

    async def _kept(self, config: RunnableConfig, batch: PendingBatch, *, wait: bool) -> None:
        """Have a batch written: now, or soon where nobody waits for it."""
        writer = _writer(config)
        if wait:
            self._begin(writer)
            # Others wait for it as well, and go on doing so when this one is cancelled.
            await asyncio.shield(batch.done)
        elif writer not in self.keeping:
            asyncio.get_running_loop().call_later(GATHER_S, self._begin, writer)

    def _begin(self, writer: Writer) -> None:
        if writer in self.waiting and writer not in self.keeping:
            self.keeping[writer] = asyncio.create_task(self._keep(writer))

    async def _keep(self, writer: Writer) -> None:
        """Write what waits, and what comes meanwhile, a batch at a time."""
        overlap = self.overlaps.get(writer)
        try:
            while (batch := self.waiting.pop(writer, None)) is not None:
                try:
                    await self._write(writer, batch, behind=overlap.lost if overlap else None)
                except Exception as error:  # noqa: BLE001  whatever it was, it is for those who wait
                    if overlap is not None:
                        overlap.lost = error
                    batch.done.set_exception(error)
                    batch.done.exception()  # where nobody waits, ``overlapping`` tells it
                else:
                    batch.done.set_result(None)
        finally:
            del self.keeping[writer]

    async def _write(self, writer: Writer, batch: PendingBatch, *, behind: Exception | None) -> None:
        if behind is not None:
            raise behind
        await self.before(writer[0])
        with _named():
            async with asyncio.timeout(ANSWER_S), self.pool.connection() as conn:
                statement = _FREE if writer[1] is None else _FENCED
                rows = await conn.execute(statement, batch.parameters(writer), prepare=True, binary=True)
                row = await rows.fetchone()
        if row is None or not row["held"]:
            raise lease_lost("of this checkpoint")

    async def _settled(self, thread: str) -> None:
        """Return when nothing of a run waits any more."""
        while writers := [writer for writer in (*self.waiting, *self.keeping) if writer[0] == thread]:
            for writer in writers:
                self._begin(writer)
            tasks = [task for writer in writers if (task := self.keeping.get(writer)) is not None]
            await asyncio.wait(tasks)

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncGenerator[AsyncCursor[DictRow]]:
        with _named():
            async with (
                asyncio.timeout(ANSWER_S),
                self.pool.connection() as conn,
                conn.cursor(binary=True, row_factory=dict_row) as cursor,
            ):
                # LangGraph opens a pipeline for what it deletes.
                if not pipeline:
                    yield cursor
                    return
                async with conn.pipeline(), conn.transaction():
                    yield cursor


async def _nothing(_run: str) -> None:
    """Nothing has to happen before."""


def _writer(config: RunnableConfig) -> Writer:
    return held(config) or (str(config.get("configurable", {})["thread_id"]), None)


@contextmanager
def _named() -> Generator[None]:
    """The driver's errors as ours."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError) as error:
        raise DatabaseUnavailable(
            f"The database did not answer: {error}", hint="Check that it runs, then try again."
        ) from error


@asynccontextmanager
async def open_postgres(url: str) -> AsyncGenerator[FencedPostgres]:
    """Open the checkpoints of a database."""
    # As LangGraph's own ``from_conn_string`` opens its connections.
    options: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool = pool_of(url, min_size=1, max_size=MOST_CONNECTIONS, kwargs=options, open=False)
    async with pool:
        saver = FencedPostgres(pool)
        saver.pool, saver.waiting, saver.keeping, saver.overlaps, saver.before = pool, {}, {}, {}, _nothing
        yield saver
