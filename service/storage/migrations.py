"""Migrations of the tables: made and changed by themselves in SQLite, by ``signoff migrate`` on a server.

Three parties keep tables on a PostgreSQL server: we (Alembic, ``database/migrations``), procrastinate (its
own schema and migration scripts) and langgraph's checkpointer (its ``setup``). Each has its own record of
what was applied, so migrating twice changes nothing.
"""

import importlib.resources
from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import inspect, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from database import reading, writing
from database.migrations import HEAD, revision, upgrade
from service.errors import refuse

if TYPE_CHECKING:  # an extra
    from psycopg import AsyncConnection

LAST_OF_LETTERS, ONE_OUTBOX = "0007", "0008"
"""The last revision with an outbox for each kind of letters, and the one that moves their rows."""
_LOCK = 5_146_300_301
"""Advisory lock: one migration of a database at a time."""


async def prepare_sqlite(engine: AsyncEngine, make: Callable[[], Awaitable[None]]) -> list[str]:
    """Bring an embedded database up to date; return the names of what was applied.

    ``make`` makes every table and column that is missing.
    """
    at = await revision(engine)
    if at == HEAD:
        return []
    if at is None:  # new, or made before revisions were recorded
        async with reading(engine) as conn:
            has_letters = await conn.run_sync(lambda sync: inspect(sync).has_table("run_letters"))
        await make()
        async with writing(engine) as conn:
            await conn.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)"))
            # Another process may have made the same new home at the same moment.
            once = "INSERT INTO alembic_version SELECT :head WHERE NOT EXISTS (SELECT 1 FROM alembic_version)"
            await conn.execute(text(once), {"head": LAST_OF_LETTERS if has_letters else HEAD})
            if has_letters:
                # ``make`` gave it the tables and columns of today; this revision alone moves rows, too.
                await conn.run_sync(upgrade, ONE_OUTBOX)
                await conn.execute(text("UPDATE alembic_version SET version_num = :head"), {"head": HEAD})
    else:
        with _migrating():
            async with writing(engine) as conn:
                await conn.run_sync(upgrade)
    return [f"signoff {HEAD}"]


@contextmanager
def _migrating() -> Generator[None]:
    """What a database says against a change of its tables. Raises ``migration_failed``: it is as it was before."""
    try:
        yield
    except DBAPIError as error:
        raise refuse("migration_failed", f"The tables could not be changed: {error.orig}") from error


async def ensure_migrated(engine: AsyncEngine) -> None:
    """Raise ``database_not_migrated`` when the tables are not those of this version."""
    if (at := await revision(engine)) != HEAD:
        raise refuse("database_not_migrated", f"The database is at revision {at or 'none'}, this version needs {HEAD}.")


async def migrate_postgres(engine: AsyncEngine, url: str, *, to: str = HEAD) -> list[str]:
    """Apply everything that is missing; return the names of what was applied, in order.

    ``to``: an earlier revision, for rows that are of it.
    """
    import psycopg  # noqa: PLC0415  an extra
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver  # noqa: PLC0415

    # The lock is the session's and not a transaction's: there are several below.
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as alone:
        await alone.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        before = await revision(engine)
        with _migrating():
            async with writing(engine, within_s=None) as conn:
                await conn.run_sync(upgrade, to)
        done = [f"signoff {to}"] if before != to else []
        done += await _queue(alone)
        async with AsyncPostgresSaver.from_conn_string(url) as saver:
            await saver.setup()
    return done


async def _queue(alone: "AsyncConnection[tuple[Any, ...]]") -> list[str]:
    """The queue's tables: its schema at first, later the scripts that came with newer versions of it."""
    folder = importlib.resources.files("procrastinate.sql")
    scripts = {
        script.name: script.read_text(encoding="utf-8")
        for script in (folder / "migrations").iterdir()
        if script.name.endswith(".sql")
    }
    done: list[str] = []
    async with alone.transaction():
        await alone.execute("CREATE TABLE IF NOT EXISTS queue_migrations (name text PRIMARY KEY)")
        known = {str(row[0]) for row in await (await alone.execute("SELECT name FROM queue_migrations")).fetchall()}
        if not known:
            await alone.execute((folder / "schema.sql").read_text(encoding="utf-8").encode())
            done.append("procrastinate")
        # The schema of a fresh database has all of them in it: they are only noted as applied.
        for name in sorted(set(scripts) - known):
            if known:
                await alone.execute(scripts[name].encode())
                done.append(f"procrastinate {name}")
            await alone.execute("INSERT INTO queue_migrations VALUES (%s)", (name,))
    return done
