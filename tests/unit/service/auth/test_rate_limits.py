"""The last minute, counted in this process and counted in a database."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from sqlalchemy import delete

from database import open_engine, sqlite_url, writing
from service.auth.rate_limits import RATES, LocalRates, Rates, SharedRates, outdated
from service.storage.schema import make_tables


class Clock:
    at = 6_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncGenerator[tuple[SharedRates, Clock]]:
    engine, clock = open_engine(sqlite_url(tmp_path / "rows.db")), Clock()
    await make_tables(engine)
    yield SharedRates(engine=engine, clock=clock), clock
    await engine.dispose()


@pytest.mark.parametrize("kind", ["local", "shared"])
async def test_fifty_at_once_never_pass_the_limit(kind: str, shared: tuple[SharedRates, Clock]) -> None:
    rates: Rates = LocalRates() if kind == "local" else shared[0]
    waits = await asyncio.gather(*(rates.hit("ann", 20) for _ in range(50)))
    assert waits.count(None) == 20
    assert all(0 < wait <= 60 for wait in waits if wait is not None)
    assert await rates.hit("bob", 20) is None


async def test_the_last_minute_counts_as_far_as_it_is_a_minute_ago(shared: tuple[SharedRates, Clock]) -> None:
    rates, clock = shared
    assert [await rates.hit("ann", 10) for _ in range(10)] == [None] * 10
    clock.at += 60
    assert await rates.hit("ann", 10) == 60
    clock.at += 30
    assert [(await rates.hit("ann", 10)) is None for _ in range(6)] == [True] * 5 + [False]
    clock.at += 300
    async with writing(rates.engine) as conn:
        assert (await conn.execute(delete(RATES).where(outdated(clock())))).rowcount == 2
    assert await rates.hit("ann", 10) is None


async def test_a_window_of_this_process_moves_and_forgets_who_came_long_ago() -> None:
    clock = Clock()
    rates = LocalRates(clock=clock)
    assert [await rates.hit("ann", 2) for _ in range(2)] == [None, None]
    assert await rates.hit("ann", 2) == 60
    clock.at += 59
    assert await rates.hit("ann", 2) == 1
    clock.at += 1
    assert await rates.hit("ann", 2) is None
    clock.at += 300
    assert await rates.hit("bob", 2) is None
    assert set(rates.hits) == {"bob"}
