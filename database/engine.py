"""Database engine: SQLite in a file, or PostgreSQL; the same tables, transactions and code."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Executable, RowMapping, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, InvalidatePoolError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import QueuePool
from sqlalchemy.util import greenlet_spawn

from database.sqlite import Driver, SqliteLog
from domain import Transient


class DatabaseUnavailable(Transient):
    code = "database_unavailable"


ANSWER_S = 60.0
"""The longest a server may take for one transaction. A connection whose other end died without a word says nothing."""
RESTED_S = 1.0
"""After this a connection that nobody used is asked whether it is still there. One that died within it is noticed by
its statement, which fails as one does whose server goes away in the middle of it."""
CONNECTIONS, MOST_CONNECTIONS = 5, 15
"""To a server, for rows: those that stay open, and how many there are when it is busy."""
POOL_WAIT_S = 30.0
"""The longest that a statement waits for a connection."""

T = TypeVar("T")


def open_engine(url: str, *, most: int = MOST_CONNECTIONS, wait_s: float = POOL_WAIT_S) -> AsyncEngine:
    """An engine for ``sqlite+aiosqlite:///file.db`` or ``postgresql+psycopg://…``.

    ``most`` connections go to a server, and a statement waits ``wait_s`` for one of them. SQLite: writers queue (BEGIN
    IMMEDIATE) instead of failing half-way when a reader wants to write.
    """
    named = make_url(url)
    if named.get_backend_name() != "sqlite":
        return _open_server(url, most, wait_s)
    driver = Driver(SqliteLog(Path(named.database or "").absolute()))
    # SQLite lets writers of one process wait by sleeping; a turnstile has each go as soon as the one before is done.
    options = {"turnstile": asyncio.Lock()}
    engine = create_async_engine(url, module=driver, execution_options=options, pool_reset_on_return=None)
    event.listen(engine.sync_engine, "reset", _reset_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _open_server(url: str, most: int, wait_s: float) -> AsyncEngine:
    """An engine whose connections commit each statement by themselves; ``writing`` says BEGIN where it takes several.

    A connection never changes between the two ways: to change it back is one thing more that a cancelled task may
    leave undone.
    """
    stay = min(CONNECTIONS, most)
    engine = create_async_engine(
        url,
        isolation_level="AUTOCOMMIT",
        pool_size=stay,
        max_overflow=most - stay,
        pool_timeout=wait_s,
        execution_options={"connections": most},
    )
    pooled, dialect = engine.sync_engine, engine.dialect

    def rest(_: Any, record: Any) -> None:
        record.info["rested_at"] = time.monotonic()

    def ensure_alive(connection: Any, record: Any, _: object) -> None:
        # A server that was started anew leaves dead connections in the pool. To ask before each use would cost a
        # trip for every statement.
        if time.monotonic() - record.info.get("rested_at", time.monotonic()) < RESTED_S:
            return
        try:
            dialect.do_ping(connection)
        except dialect.loaded_dbapi.Error as error:
            raise InvalidatePoolError from error

    event.listen(pooled, "checkin", rest)
    event.listen(pooled, "checkout", ensure_alive)
    event.listen(pooled, "begin", _begin_server)
    return engine


def _begin_server(connection: Connection) -> None:
    if connection.get_execution_options().get("writes", False):
        connection.exec_driver_sql("BEGIN")


def connection_counts(engine: AsyncEngine) -> Mapping[str, int]:
    """How many connections are ``in_use`` and ``idle``, and how many there may be: ``most``."""
    pool = engine.sync_engine.pool
    if not isinstance(pool, QueuePool):
        return {}
    most = engine.sync_engine.get_execution_options().get("connections", MOST_CONNECTIONS)
    return {"in_use": pool.checkedout(), "idle": pool.checkedin(), "most": most}


def sqlite_url(path: Path) -> str:
    """The URL of a database file."""
    return f"sqlite+aiosqlite:///{path}"


def _reset_sqlite(connection: Any, _record: object, _state: object) -> None:
    if connection.in_transaction:
        connection.rollback()


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", False)
    # Two transactions that read first and write later cannot both go on: SQLite refuses the second at once, however
    # long it would wait. So who means to write takes the lock at the beginning.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def turnstile(engine: AsyncEngine) -> AbstractAsyncContextManager[object]:
    """What one writer of this process goes through at a time; on a server all go at once."""
    return engine.sync_engine.get_execution_options().get("turnstile") or nullcontext()


@asynccontextmanager
async def reading(engine: AsyncEngine, *, within_s: float | None = ANSWER_S) -> AsyncGenerator[AsyncConnection]:
    """Statements that only read: one transaction in a file, on a server each sees what is committed by then.

    Raises as ``writing`` does. Locks end with their statement.
    """
    await asyncio.sleep(0)  # a file answers without a pause: others have their turn, too
    with _reachable():
        async with _in_time(engine, within_s), engine.connect() as conn, conn.begin():
            yield conn


async def fetch_one(
    engine: AsyncEngine, query: Executable, parameters: Mapping[str, Any], *, within_s: float | None = ANSWER_S
) -> Any:
    """The one value that a single query has; raises as ``writing`` does."""
    return await _at_once(engine, lambda conn: conn.execute(query, parameters).scalar_one(), within_s)


async def fetch_all(
    engine: AsyncEngine, query: Executable, parameters: Mapping[str, Any], *, within_s: float | None = ANSWER_S
) -> Sequence[RowMapping]:
    """The rows that a single query has; raises as ``writing`` does."""
    return await _at_once(engine, lambda conn: conn.execute(query, parameters).mappings().all(), within_s)


@dataclass(frozen=True, slots=True)
class Written:
    """What one statement came to: how many rows it changed, and those that it returns."""

    count: int
    rows: Sequence[RowMapping] = ()


async def write_one(
    engine: AsyncEngine, statement: Executable, parameters: Mapping[str, Any], *, within_s: float | None = ANSWER_S
) -> Written:
    """Execute one statement that writes, a transaction of its own: on a server one trip instead of three.

    Raises as ``writing`` does; a caller that is cancelled meanwhile does not know whether it was done.
    """

    def write(conn: Connection) -> Written:
        result = conn.execute(statement, parameters)
        return Written(result.rowcount, result.mappings().all() if result.returns_rows else ())

    if engine.dialect.name != "sqlite":
        return await _at_once(engine, write, within_s)
    async with writing(engine, within_s=within_s) as conn:
        return await conn.run_sync(write)


async def _at_once(engine: AsyncEngine, work: Callable[[Connection], T], within_s: float | None) -> T:
    """A statement in one switch to SQLAlchemy's greenlet instead of five: for what is asked all the time."""

    def connected() -> T:
        with engine.sync_engine.connect() as conn:
            return work(conn)

    await asyncio.sleep(0)  # as in ``reading``
    with _reachable():
        async with _in_time(engine, within_s):
            return await greenlet_spawn(connected)


@asynccontextmanager
async def writing(engine: AsyncEngine, *, within_s: float | None = ANSWER_S) -> AsyncGenerator[AsyncConnection]:
    """A transaction that commits at the end, or leaves no trace.

    Raises:
        DatabaseUnavailable: not reachable, locked or silent for too long, or picked as the victim of a deadlock.
    """
    await asyncio.sleep(0)
    with _reachable():
        # The turnstile comes before the connection: who waits for it holds none of the pool.
        async with _in_time(engine, within_s), turnstile(engine), engine.connect() as plain:
            conn = await plain.execution_options(writes=True)
            async with conn.begin():
                yield conn


@asynccontextmanager
async def erasing(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
    """As ``writing``; what is deleted from a file of SQLite is overwritten, or free pages would go on holding it."""
    async with writing(engine) as conn:
        if conn.dialect.name != "sqlite":
            yield conn
            return
        await conn.exec_driver_sql("PRAGMA secure_delete=ON")
        try:
            yield conn
        finally:
            # The connection goes back to the pool, and what others delete need not cost this.
            await conn.exec_driver_sql("PRAGMA secure_delete=OFF")


def _in_time(engine: AsyncEngine, within_s: float | None) -> AbstractAsyncContextManager[object]:
    """A file answers by itself, or says that it is locked."""
    return nullcontext() if engine.dialect.name == "sqlite" else asyncio.timeout(within_s)


@contextmanager
def _reachable() -> Generator[None]:
    try:
        yield
    except PoolTimeoutError as error:
        raise DatabaseUnavailable(
            "Every connection of this process to the database is in use.",
            hint="Raise SIGNOFF_DATABASE_CONNECTIONS, or have fewer runs at once: SIGNOFF_WORKERS.",
        ) from error
    except TimeoutError as error:
        raise DatabaseUnavailable(
            "The database did not answer in time.", hint="Check that it runs and can be reached, then try again."
        ) from error
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnavailable(
            f"The database did not answer: {error.orig}",
            hint="Check that it runs and is migrated (signoff migrate), then try again.",
        ) from error
