"""Database engine: SQLite in a file, or PostgreSQL; the same tables, transactions and code."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from database.sqlite import Driver, SqliteLog
from domain import Transient


class DatabaseUnavailable(Transient):
    code = "database_unavailable"


ANSWER_S = 60.0
"""The longest a server may take for one transaction. A connection whose other end died without a word says nothing."""


def open_engine(url: str) -> AsyncEngine:
    """An engine for ``sqlite+aiosqlite:///file.db`` or ``postgresql+psycopg://…``.

    SQLite: writers queue (BEGIN IMMEDIATE) instead of failing half-way when a reader wants to write.
    """
    named = make_url(url)
    if named.get_backend_name() != "sqlite":
        # A server that was started anew leaves dead connections in the pool: each is tried before it is given out.
        return create_async_engine(url, pool_pre_ping=True)
    driver = Driver(SqliteLog(Path(named.database or "").absolute()))
    # SQLite lets writers of one process wait by sleeping; a turnstile has each go as soon as the one before is done.
    options = {"turnstile": asyncio.Lock()}
    engine = create_async_engine(url, module=driver, execution_options=options, pool_reset_on_return=None)
    event.listen(engine.sync_engine, "reset", _reset_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


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
    """A transaction that only reads. Raises as ``writing`` does."""
    await asyncio.sleep(0)  # a file answers without a pause: others have their turn, too
    with _reachable():
        async with _in_time(engine, within_s), engine.connect() as conn, conn.begin():
            yield conn


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
    except TimeoutError as error:
        raise DatabaseUnavailable(
            "The database did not answer in time.", hint="Check that it runs and can be reached, then try again."
        ) from error
    except (OperationalError, InterfaceError) as error:
        raise DatabaseUnavailable(
            f"The database did not answer: {error.orig}",
            hint="Check that it runs and is migrated (signoff migrate), then try again.",
        ) from error
