"""SQLite in the event loop: quick where it is short, out of the way where it is not, and patient with others."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import closing, suppress
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from database import SqliteConnection, SqliteLog, open_engine, open_sqlite, reading, sqlite_url, writing
from database.sqlite import EVERY

COUNTED = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {}) SELECT i FROM n"
LONG = f"SELECT count(*) FROM ({COUNTED})"  # noqa: S608  nothing of it comes from outside
"""A second or so for each three million."""


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncGenerator[AsyncEngine]:
    made = open_engine(sqlite_url(tmp_path / "rows.db"))
    async with writing(made) as conn:
        await conn.execute(text("CREATE TABLE rows (id INTEGER PRIMARY KEY, word TEXT)"))
    yield made
    await made.dispose()


async def test_what_takes_long_leaves_the_loop_to_others(engine: AsyncEngine) -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    beside = asyncio.create_task(others())
    async with reading(engine) as conn:
        assert (await conn.execute(text(LONG.format(200_000)))).scalar_one() == 200_000
    beside.cancel()
    assert turns > 20


async def test_what_takes_long_is_given_up_when_nobody_waits_any_more(engine: AsyncEngine) -> None:
    async with asyncio.timeout(10):  # all of it would take minutes
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05), reading(engine) as conn:
                await conn.execute(text(LONG.format(500_000_000)))
    async with reading(engine) as conn:
        assert (await conn.execute(text("SELECT 1"))).scalar_one() == 1


async def test_a_lock_of_another_process_is_waited_for_without_holding_the_loop(
    engine: AsyncEngine, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "rows.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")

        async def write() -> None:
            async with writing(engine) as conn:
                await conn.execute(text("INSERT INTO rows (word) VALUES ('mine')"))

        writes = asyncio.create_task(write())
        done, _ = await asyncio.wait([writes], timeout=0.05)
        assert not done
        other.execute("INSERT INTO rows (word) VALUES ('theirs')")
        other.execute("COMMIT")
        await writes
    async with reading(engine) as conn:
        assert (await conn.execute(text("SELECT word FROM rows ORDER BY id"))).scalars().all() == ["theirs", "mine"]


async def test_a_transaction_that_fails_leaves_no_trace(engine: AsyncEngine) -> None:
    with suppress(ZeroDivisionError):
        async with writing(engine) as conn:
            await conn.execute(text("INSERT INTO rows (word) VALUES ('half')"))
            raise ZeroDivisionError
    async with reading(engine) as conn:
        assert (await conn.execute(text("SELECT count(*) FROM rows"))).scalar_one() == 0


@pytest.mark.parametrize("count", [3, 1_000])
async def test_many_rows_are_written_and_fetched_in_pieces(engine: AsyncEngine, count: int) -> None:
    async with writing(engine) as conn:
        await conn.execute(text("INSERT INTO rows (word) VALUES (:word)"), [{"word": str(n)} for n in range(count)])
    async with reading(engine) as conn:
        found = await conn.execute(text("SELECT word FROM rows ORDER BY id"))
        assert found.fetchone() == ("0",)
        assert found.fetchmany(2) == [("1",), ("2",)]
        assert len(found.fetchall()) == count - 3


async def test_the_log_is_brought_home_beside_the_work(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with closing(open_sqlite(SqliteLog(path))) as connection:
        await _write(connection, "CREATE TABLE rows (word TEXT)")
        for _ in range(EVERY):
            await _write(connection, "INSERT INTO rows VALUES ('x')")
        home = connection.log.under_way
        assert home is not None
        await home
        # The file itself has everything, without its log.
        bare = tmp_path / "bare.db"
        bare.write_bytes(path.read_bytes())
        with closing(sqlite3.connect(bare)) as copied:
            assert copied.execute("SELECT count(*) FROM rows").fetchone() == (EVERY,)


async def _write(connection: SqliteConnection, statement: str) -> None:
    await connection.cursor().run("BEGIN IMMEDIATE")
    await connection.cursor().run(statement)
    connection.commit()
