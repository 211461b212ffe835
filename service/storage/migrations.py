"""Migrations of the tables: made and changed by themselves in SQLite, by ``signoff migrate`` on a server.

Three parties keep tables on a PostgreSQL server: we (Alembic, ``deploy/migrations``), procrastinate (its
own schema and migration scripts) and langgraph's checkpointer (its ``setup``). Each has its own record of
what was applied, so migrating twice changes nothing.
"""

import importlib.resources
from collections.abc import Awaitable, Callable
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine

from database import reading, writing
from service.errors import refuse

if TYPE_CHECKING:  # an extra
    from psycopg import AsyncConnection

HEAD: Final = "0008"
"""The newest revision in ``deploy/migrations``; a test compares them."""
ALEMBIC = Path(__file__).parents[2] / "deploy" / "alembic.ini"
FIRST_TABLES: Final = {"0001": "ballots", "0002": "runs", "0003": "decisions", "0004": "turn_events"}
"""A table that each of the revisions made which were not recorded at first."""
_LOCK = 5_146_300_301
"""Advisory lock: one migration of a database at a time."""


async def prepare_sqlite(engine: AsyncEngine, make: Callable[[], Awaitable[None]]) -> None:
    """Bring an embedded database up to date. ``make`` makes every table that is missing."""
    async with reading(engine) as conn:
        tables, old = await conn.run_sync(lambda sync: (set(inspect(sync).get_table_names()), _is_unrecorded(sync)))
    at = await revision(engine) if "alembic_version" in tables else None
    if at == HEAD:
        return
    if at is None and old:
        async with writing(engine) as conn:
            await conn.run_sync(_upgrade_unrecorded)
        return
    if at is None:
        await make()
        async with writing(engine) as conn:
            await conn.execute(text("CREATE TABLE IF NOT EXISTS alembic_version (version_num VARCHAR(32) NOT NULL)"))
            # Another process may have made the same new home at the same moment.
            once = "INSERT INTO alembic_version SELECT :head WHERE NOT EXISTS (SELECT 1 FROM alembic_version)"
            await conn.execute(text(once), {"head": HEAD})
        return
    async with writing(engine) as conn:
        await conn.run_sync(upgrade)


def _is_unrecorded(connection: Connection) -> bool:
    """Whether a file has tables of a version that did not record revisions; those of a new file have every column."""
    seen = inspect(connection)
    return seen.has_table("outbox") and "kind" not in {column["name"] for column in seen.get_columns("outbox")}


def _upgrade_unrecorded(connection: Connection) -> None:
    """Bring a file up to date that does not say how old it is: its tables do."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" not in tables:  # another process may have been first
        newest = max(at for at, table in FIRST_TABLES.items() if table in tables)
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(text("INSERT INTO alembic_version VALUES (:at)"), {"at": newest})
    upgrade(connection)


async def revision(engine: AsyncEngine) -> str | None:
    """What the database is migrated to; None: to nothing."""
    try:
        async with reading(engine) as conn:
            return (await conn.execute(text("SELECT max(version_num) FROM alembic_version"))).scalar_one()
    except ProgrammingError:  # there is no such table
        return None


async def ensure_migrated(engine: AsyncEngine) -> None:
    """Raise ``database_not_migrated`` when the tables are not those of this version."""
    if (at := await revision(engine)) != HEAD:
        raise refuse("database_not_migrated", f"The database is at revision {at or 'none'}, this version needs {HEAD}.")


def upgrade(connection: Connection) -> None:
    """Run what is missing of our own migrations on an open connection."""
    from alembic import command  # noqa: PLC0415  only who migrates pays for it
    from alembic.config import Config  # noqa: PLC0415

    config = Config(ALEMBIC)
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


async def migrate_postgres(engine: AsyncEngine, url: str) -> list[str]:
    """Apply everything that is missing; return the names of what was applied, in order."""
    import psycopg  # noqa: PLC0415  an extra
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver  # noqa: PLC0415

    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as alone:
        await alone.execute("SELECT pg_advisory_lock(%s)", (_LOCK,))
        before = await revision(engine)
        async with writing(engine, within_s=None) as conn:
            await conn.run_sync(upgrade)
        done = [f"signoff {HEAD}"] if before != HEAD else []
        done += await _queue(alone)
        async with AsyncPostgresSaver.from_conn_string(url) as saver:
            await saver.setup()
    return done


async def _queue(alone: "AsyncConnection[tuple[Any, ...]]") -> list[str]:
    """The queue's tables: its schema at first, later the scripts that came with newer versions of it."""
    scripts = {
        each.name: each.read_text(encoding="utf-8")
        for each in _folder("migrations").iterdir()
        if each.name.endswith(".sql")
    }
    done: list[str] = []
    async with alone.transaction():
        await alone.execute("CREATE TABLE IF NOT EXISTS queue_migrations (name text PRIMARY KEY)")
        known = {str(row[0]) for row in await (await alone.execute("SELECT name FROM queue_migrations")).fetchall()}
        if not known:
            await alone.execute(_folder("schema.sql").read_text(encoding="utf-8").encode())
            done.append("procrastinate")
        for name in sorted(set(scripts) - known):
            if known:
                await alone.execute(scripts[name].encode())
                done.append(f"procrastinate {name}")
            await alone.execute("INSERT INTO queue_migrations VALUES (%s)", (name,))
    return done


def _folder(name: str) -> Traversable:
    return importlib.resources.files("procrastinate.sql") / name
