"""One value from one query, in one switch."""

from pathlib import Path

import pytest
from sqlalchemy import bindparam, select, text

from database import DatabaseUnavailable, fetch_one, open_engine, sqlite_url


async def test_one_value_is_fetched_and_nothing_is_left_open(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "rows.db"))
    query = select(bindparam("one"))
    assert [await fetch_one(engine, query, {"one": number}) for number in range(3)] == [0, 1, 2]
    assert engine.pool.checkedin() == 1
    assert engine.pool.checkedout() == 0
    await engine.dispose()


async def test_a_database_that_cannot_answer_is_named(tmp_path: Path) -> None:
    engine = open_engine(sqlite_url(tmp_path / "rows.db"))
    with pytest.raises(DatabaseUnavailable):
        await fetch_one(engine, text("SELECT 1 FROM nothing WHERE 1 = :one"), {"one": 1})
    assert engine.pool.checkedout() == 0
    await engine.dispose()
