"""An engine on PostgreSQL: statements commit by themselves, transactions are whole, connections are replaced."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest
from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from database import (
    DatabaseUnavailable,
    connection_counts,
    fetch_all,
    fetch_one,
    open_engine,
    reading,
    write_one,
    writing,
)
from tests.worlds import postgres

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
COUNT = text("SELECT count(*) FROM rows")
ADD = text("INSERT INTO rows VALUES (:one) RETURNING one").bindparams(bindparam("one"))


@pytest.fixture(scope="module")
def cluster() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture
async def engine(cluster: Path) -> AsyncGenerator[AsyncEngine]:
    postgres.sql(cluster, "DROP TABLE IF EXISTS rows; CREATE TABLE rows (one integer)")
    opened = open_engine(postgres.url(cluster, "postgres"))
    yield opened
    await opened.dispose()


async def test_one_statement_is_a_transaction_of_its_own(engine: AsyncEngine, cluster: Path) -> None:
    written = await write_one(engine, ADD, {"one": 7})
    assert (written.count, [dict(row) for row in written.rows]) == (1, [{"one": 7}])
    assert postgres.sql(cluster, "SELECT one FROM rows") == "7\n"
    assert [row["one"] for row in await fetch_all(engine, text("SELECT one FROM rows"), {})] == [7]


async def test_a_transaction_is_whole_or_leaves_no_trace(engine: AsyncEngine) -> None:
    async def half() -> None:
        async with writing(engine) as conn:
            await conn.execute(ADD, {"one": 1})
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await half()
    assert await fetch_one(engine, COUNT, {}) == 0
    async with writing(engine) as conn:
        await conn.execute(ADD, {"one": 1})
        await conn.execute(ADD, {"one": 2})
        assert await fetch_one(engine, COUNT, {}) == 0
    assert await fetch_one(engine, COUNT, {}) == 2


async def test_a_reader_holds_no_transaction_open(engine: AsyncEngine, cluster: Path) -> None:
    idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
    async with reading(engine) as conn:
        await conn.execute(COUNT)
        assert postgres.sql(cluster, idle) == "0\n"


async def test_tasks_that_are_cancelled_again_and_again_use_up_no_connection(engine: AsyncEngine) -> None:
    """An earlier try switched connections between two ways, and a cancelled task could leave one half-way."""
    wait = text("SELECT pg_sleep(5)")

    async def work(number: int) -> None:
        if number % 2:
            await fetch_all(engine, wait, {})
        async with writing(engine) as conn:
            await conn.execute(ADD, {"one": number})
            await conn.execute(wait)

    for turn in range(3):
        tasks = [asyncio.create_task(work(number)) for number in range(15)]  # as many as there are connections
        await asyncio.wait(tasks, timeout=0.3)
        for task in tasks:
            task.cancel()
            if turn:  # a second time, while the first is carried out
                await asyncio.sleep(0)
                task.cancel()
        assert all(
            isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*tasks, return_exceptions=True)
        )
    assert engine.pool.checkedout() == 0
    async with asyncio.timeout(10):
        assert await asyncio.gather(*(fetch_one(engine, COUNT, {}) for _ in range(30))) == [0] * 30


async def test_a_connection_that_died_while_it_rested_is_replaced(engine: AsyncEngine, cluster: Path) -> None:
    assert await fetch_one(engine, COUNT, {}) == 0
    postgres.sql(cluster, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    with pytest.raises(DatabaseUnavailable):  # just used: its statement says so
        await fetch_one(engine, COUNT, {})
    assert await fetch_one(engine, COUNT, {}) == 0
    async with engine.connect() as conn:
        record = (await conn.get_raw_connection())._connection_record
    postgres.sql(cluster, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    record.info["rested_at"] -= 60
    assert await fetch_one(engine, COUNT, {}) == 0


async def test_who_finds_no_connection_is_told_which_setting_it_is(cluster: Path) -> None:
    engine = open_engine(postgres.url(cluster, "postgres"), most=1, wait_s=0.1)
    try:
        async with reading(engine):
            assert connection_counts(engine) == {"in_use": 1, "idle": 0, "most": 1}
            with pytest.raises(DatabaseUnavailable, match="in use") as refused:
                await fetch_one(engine, text("SELECT 1"), {})
        assert "SIGNOFF_DATABASE_CONNECTIONS" in refused.value.hint
        assert connection_counts(engine)["in_use"] == 0
    finally:
        await engine.dispose()
