"""A database of an earlier version is brought up to date when it is opened."""

import asyncio
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.ext.asyncio import AsyncEngine

from database import open_engine, sqlite_url
from database.migrations import HEAD, configuration, revision, upgrade
from service.storage.migrations import prepare_sqlite
from service.storage.schema import EVERY_ROOM
from tests.worlds.house import application


def test_the_newest_revision_is_the_one_that_is_asked_for() -> None:
    assert ScriptDirectory.from_config(configuration()).get_current_head() == HEAD


async def columns(engine: AsyncEngine) -> dict[str, set[str]]:
    def named(connection: Connection) -> dict[str, set[str]]:
        seen = inspect(connection)
        tables = set(seen.get_table_names()) - {"alembic_version"}
        return {table: {column["name"] for column in seen.get_columns(table)} for table in tables}

    async with engine.connect() as conn:
        return await conn.run_sync(named)


EARLIER = [each.revision for each in ScriptDirectory.from_config(configuration()).walk_revisions()][1:]


@pytest.mark.parametrize("at", [*reversed(EARLIER), None])
async def test_every_earlier_sqlite_file_is_brought_up_to_date(tmp_path: Path, at: str | None) -> None:
    (tmp_path / "home").mkdir()
    engine = open_engine(sqlite_url(tmp_path / "home" / "signoff.db"))

    def migrate(connection: Connection) -> None:
        upgrade(connection, at or "0002")
        if at is None:  # as it was before revisions were recorded
            connection.exec_driver_sql("DROP TABLE alembic_version")

    async with engine.begin() as conn:
        await conn.run_sync(migrate)
    async with application(tmp_path) as opened:
        assert await opened.engine.runs.list(org="local") == []
    assert await revision(engine) == HEAD
    assert await columns(engine) == {
        table.name: {*table.columns.keys()} for each in EVERY_ROOM for table in each.sorted_tables
    }
    await engine.dispose()


async def test_a_new_home_can_be_made_by_many_at_once(tmp_path: Path) -> None:
    """The first commands of a new machine, started together, agree on what the database is."""
    engines = [open_engine(sqlite_url(tmp_path / "signoff.db")) for _ in range(6)]
    made = asyncio.Barrier(len(engines))

    async def opened(engine: AsyncEngine) -> None:
        async def make() -> None:
            await made.wait()  # all of them have seen that there is nothing yet

        await prepare_sqlite(engine, make)

    await asyncio.gather(*map(opened, engines))
    async with engines[0].connect() as conn:
        assert (await conn.exec_driver_sql("SELECT version_num FROM alembic_version")).all() == [(HEAD,)]
    assert await revision(engines[0]) == HEAD
    await asyncio.gather(*(engine.dispose() for engine in engines))
