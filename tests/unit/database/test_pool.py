"""The driver's pool: who waits for a connection can be cancelled at any moment."""

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest

from database.pool import pool_of
from tests.worlds import postgres

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


async def test_a_cancellation_that_comes_together_with_a_connection_is_not_lost(cluster: Path) -> None:
    async with pool_of(postgres.libpq(cluster, "postgres"), min_size=1, max_size=1, open=False) as pool:

        async def use() -> None:
            async with pool.connection():
                await asyncio.Event().wait()

        for rounds in range(12):
            held = await pool.getconn()
            waiting = asyncio.create_task(use())
            while not pool.get_stats()["requests_waiting"]:  # noqa: ASYNC110  the pool announces nothing
                await asyncio.sleep(0)
            await pool.putconn(held)
            for _ in range(rounds):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting], timeout=5)
            assert waiting.cancelled(), rounds
        async with asyncio.timeout(5), pool.connection() as connection:
            assert await (await connection.execute("SELECT 1")).fetchone()
