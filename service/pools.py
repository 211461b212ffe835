"""Pools of connections that ask whether one is still there only when nobody used it for a while."""

import time
from typing import Any, cast

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool

from approvals import IDLE_S


class Rested(AsyncConnection[DictRow]):
    """A connection that knows when it was given back."""

    rested_at: float | None = None


async def rest(connection: Rested) -> None:
    """It was given back."""
    connection.rested_at = time.monotonic()


async def ensure_alive(connection: Rested) -> None:
    """Raise what the driver raises when it is dead."""
    if connection.rested_at is not None and time.monotonic() - connection.rested_at >= IDLE_S:
        await cast("Any", AsyncConnectionPool).check_connection(connection)


async def commit_each(connection: Rested) -> None:
    """Every statement is a transaction of its own: it needs no other trips."""
    await connection.set_autocommit(True)


def pool_of(**given: Any) -> AsyncConnectionPool[Any]:
    """See ``AsyncConnectionPool``."""
    own = {"connection_class": Rested, "reset": rest, "check": ensure_alive}
    return cast("Any", AsyncConnectionPool)(**{**given, **own})
