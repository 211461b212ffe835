"""Pools of the PostgreSQL driver: a connection is asked whether it is still there when nobody used it for a while.

To ask before each use, as the driver's own check does, costs a trip to the server for every statement. One that died
within ``RESTED_S`` is noticed by its statement. Only who has the driver, which is an extra, may import this module.
"""

import time
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg_pool import AsyncConnectionPool

from database.engine import RESTED_S


class RestedConnection(AsyncConnection[DictRow]):
    """A connection that knows when it was given back.

    Its pool is opened with ``reset=rest`` and ``check=ensure_alive``.
    """

    rested_at: float | None = None


async def rest(connection: RestedConnection) -> None:
    """It was given back."""
    connection.rested_at = time.monotonic()


async def ensure_alive(connection: RestedConnection) -> None:
    """Ask one that rested. Raises what the driver raises for a dead one; the pool takes another one then."""
    if connection.rested_at is not None and time.monotonic() - connection.rested_at >= RESTED_S:
        checked: Any = AsyncConnectionPool
        await checked.check_connection(connection)
