"""A database of an earlier version is brought up to date when it is opened."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect

from approvals import open_engine, sqlite_url
from service.migrations import ALEMBIC, HEAD, revision
from tests.worlds.house import house


def test_the_newest_revision_is_the_one_that_is_asked_for() -> None:
    assert ScriptDirectory.from_config(Config(ALEMBIC)).get_current_head() == HEAD


@pytest.mark.parametrize("at", ["0001", "0002", "0003", None])
async def test_every_earlier_sqlite_file_is_brought_up_to_date(tmp_path: Path, at: str | None) -> None:
    (tmp_path / "home").mkdir()
    engine = open_engine(sqlite_url(tmp_path / "home" / "signoff.db"))

    def migrate(connection: Connection) -> None:
        config = Config(ALEMBIC)
        config.attributes["connection"] = connection
        command.upgrade(config, at or "0002")
        if at is None:  # as it was before revisions were recorded
            connection.exec_driver_sql("DROP TABLE alembic_version")

    async with engine.begin() as conn:
        await conn.run_sync(migrate)
    async with house(tmp_path) as opened:
        assert await opened.engine.runs.list(org="local") == []
    assert await revision(engine) == HEAD
    async with engine.connect() as conn:
        tables = await conn.run_sync(lambda sync: set(inspect(sync).get_table_names()))
    assert {"runs", "turns", "turn_events", "rates", "ballots", "decisions"} <= tables
    await engine.dispose()
