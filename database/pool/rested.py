"""Connection pool of the PostgreSQL driver: one is asked whether it is still there when nobody used it for a while.

To ask before each use, as the driver's own check does, costs a trip to the server for every statement. A connection
that died within ``RESTED_S`` is noticed by its statement. Only who has the driver, which is an extra, may import this.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any, cast

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool

from database.engine import RESTED_S


class RestedConnection(AsyncConnection[DictRow]):
    """A connection that knows when it was given back."""

    rested_at: float | None = None


async def rest(connection: RestedConnection) -> None:
    """It was given back."""
    connection.rested_at = time.monotonic()


async def ensure_alive(connection: RestedConnection) -> None:
    """Ask one that rested; the pool takes another one in place of a dead one.

    Raises:
        psycopg.Error: it is dead.
    """
    if connection.rested_at is not None and time.monotonic() - connection.rested_at >= RESTED_S:
        checked: Any = AsyncConnectionPool
        await checked.check_connection(connection)


class RestedPool(AsyncConnectionPool[Any]):
    """A pool of such connections that gives none to who was cancelled meanwhile."""

    async def getconn(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109  the driver's own
        """See the driver: its ``wait_for`` drops a cancellation that comes together with a connection, before 3.12."""
        task = asyncio.current_task()
        before = task.cancelling() if task is not None else 0
        connection = await super().getconn(timeout)
        if task is not None and task.cancelling() > before:
            await self.putconn(connection)
            raise asyncio.CancelledError
        return connection


def pool_of(conninfo: str, **options: Any) -> AsyncConnectionPool[Any]:
    """A pool of such connections, to be opened by its caller; the rest as the driver's own pool takes it."""
    rested = {"connection_class": RestedConnection, "reset": rest, "check": ensure_alive}
    pool: Any = cast("Any", RestedPool)(conninfo=conninfo, **{**options, **rested})
    return pool


def pool_counts(pool: AsyncConnectionPool[Any]) -> Mapping[str, int]:
    """How many connections are ``in_use``, ``idle`` and possible (``most``), and how many callers are ``waiting``."""
    stats = pool.get_stats()
    size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
    return {
        "in_use": size - idle,
        "idle": idle,
        "most": stats.get("pool_max", 0),
        "waiting": stats.get("requests_waiting", 0),
    }
