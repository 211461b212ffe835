"""Checkpoints on a PostgreSQL server, fenced: a write and the look at its lease are one transaction."""

import asyncio
import copy
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, cast

import psycopg
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import ChannelVersions, Checkpoint, CheckpointMetadata
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncConnection, AsyncCursor
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from database import DatabaseUnavailable
from service.runs.runs import held, lease_lost

MOST_CONNECTIONS = 6
ANSWER_S = 60.0
"""The longest one call may take: a connection whose other end died without a word says nothing."""
LOST = "SG001"
"""The SQLSTATE of ``ensure_lease`` (migration 0004)."""


class FencedPostgres(AsyncPostgresSaver):
    """One connection of a pool for each call, so that runs of one process do not wait for each other."""

    lease: tuple[str, int] | None = None
    pool: AsyncConnectionPool[AsyncConnection[DictRow]]

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """See ``BaseCheckpointSaver.aput``. Raises ``lease_lost``."""
        return await AsyncPostgresSaver.aput(self._under(config), config, checkpoint, metadata, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """See ``BaseCheckpointSaver.aput_writes``. Raises ``lease_lost``."""
        await AsyncPostgresSaver.aput_writes(self._under(config), config, writes, task_id, task_path)

    def _under(self, config: RunnableConfig) -> "FencedPostgres":
        """The same saver, writing under one lease."""
        # The saver's own methods hand no lease on: a copy for each write, so that two runs at once do not mix theirs.
        fenced = copy.copy(self)
        fenced.lease = held(config)
        return fenced

    @asynccontextmanager
    async def _cursor(self, *, pipeline: bool = False) -> AsyncGenerator[AsyncCursor[DictRow]]:
        with _named():
            async with (
                asyncio.timeout(ANSWER_S),
                self.pool.connection() as conn,
                conn.cursor(binary=True, row_factory=dict_row) as cursor,
            ):
                # LangGraph opens a pipeline for what it writes; reading needs no lease.
                if not pipeline:
                    yield cursor
                    return
                async with conn.pipeline(), conn.transaction():
                    if self.lease is not None:
                        await cursor.execute("SELECT ensure_lease(%s, %s)", self.lease)
                    yield cursor


@contextmanager
def _named() -> Generator[None]:
    """The driver's errors as ours."""
    try:
        yield
    except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError) as error:
        raise DatabaseUnavailable(
            f"The database did not answer: {error}", hint="Check that it runs, then try again."
        ) from error
    except psycopg.Error as error:
        if error.sqlstate == LOST:
            raise lease_lost("of this checkpoint") from error
        raise


@asynccontextmanager
async def open_postgres(url: str) -> AsyncGenerator[FencedPostgres]:
    """Open the checkpoints of a database."""
    # As LangGraph's own ``from_conn_string`` opens its connections.
    options: dict[str, Any] = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    pool: AsyncConnectionPool[AsyncConnection[DictRow]] = AsyncConnectionPool(
        url,
        connection_class=AsyncConnection[DictRow],
        min_size=1,
        max_size=MOST_CONNECTIONS,
        kwargs=options,
        open=False,
        check=cast("Any", AsyncConnectionPool.check_connection),
    )
    async with pool:
        saver = FencedPostgres(pool)
        saver.pool = pool
        yield saver
