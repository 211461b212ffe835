"""The migrations and the tables in the code are the same tables, on both databases."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from database import open_engine, sqlite_url
from service.storage.schema import EVERY_ROOM, make_tables
from tests.worlds import approvals, postgres


async def described(engine: AsyncEngine) -> dict[str, object]:
    """Everything that the database itself says about its tables and triggers."""

    def describe(conn: Connection) -> dict[str, object]:
        seen = inspect(conn)
        named: dict[str, object] = {}
        for table in sorted(set(seen.get_table_names()) - {"alembic_version"}):
            columns = [
                (c["name"], str(c["type"]), c["nullable"], c.get("autoincrement")) for c in seen.get_columns(table)
            ]
            checks = sorted((str(c["name"]), str(c["sqltext"])) for c in seen.get_check_constraints(table))
            keys = (seen.get_pk_constraint(table)["constrained_columns"], seen.get_foreign_keys(table))
            indexes = sorted((str(i["name"]), i["column_names"], i["unique"]) for i in seen.get_indexes(table))
            unique = sorted((str(u["name"]), u["column_names"]) for u in seen.get_unique_constraints(table))
            named[table] = (columns, checks, keys, indexes, unique)
        if conn.dialect.name == "sqlite":
            named["triggers"] = sorted(
                conn.execute(text("SELECT sql FROM sqlite_master WHERE type = 'trigger'")).scalars()
            )
        else:
            named["triggers"] = sorted(
                conn.execute(text("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")).scalars()
            )
        return named

    async with engine.connect() as conn:
        return await conn.run_sync(describe)


async def differences(engine: AsyncEngine) -> list[object]:
    def compare(conn: Connection) -> list[object]:
        context = MigrationContext.configure(conn, opts={"target_metadata": list(EVERY_ROOM), "compare_type": True})
        return list(compare_metadata(context, list(EVERY_ROOM)))

    async with engine.connect() as conn:
        return await conn.run_sync(compare)


async def same(migrated: AsyncEngine, made: AsyncEngine) -> None:
    await make_tables(made)
    assert await described(migrated) == await described(made)
    assert await differences(migrated) == []
    await approvals.migrate(migrated, down=True)
    assert await described(migrated) == {"triggers": []}


async def test_sqlite(engine: AsyncEngine, tmp_path: Path) -> None:
    made = open_engine(sqlite_url(tmp_path / "made.db"))
    await same(engine, made)
    await made.dispose()


@pytest.mark.postgres
async def test_postgres(postgres_engine: AsyncEngine, socket: Path) -> None:
    postgres.sql(socket, "CREATE DATABASE made")
    made = open_engine(postgres.url(socket, "made"))
    await same(postgres_engine, made)
    await made.dispose()
