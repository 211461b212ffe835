"""Servers and workers on PostgreSQL are killed, and PostgreSQL itself, while runs advance."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.chaos.asking import quick_task, started
from tests.chaos.life import Life
from tests.chaos.nursery import Child, Nursery
from tests.chaos.storm import storm
from tests.worlds import postgres

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_short_storm_over_a_server_and_a_worker(born: Nursery, tmp_path: Path, cluster: Path) -> None:
    server = await postgres.emptied(cluster, "storm")
    life = Life(born, tmp_path, {"server": server, "lease_s": 1.0, "workers": 0}, helping={"workers": 4})
    await life.start()
    tally = await storm(life, kills=8, seed=7)
    assert len(tally.threads) > 5
    assert tally.sound, tally


async def test_the_database_is_killed(born: Nursery, tmp_path: Path, cluster: Path) -> None:
    dice, threads = random.Random(7), list[str]()
    life = Life(born, tmp_path, {"server": await postgres.emptied(cluster, "killed"), "lease_s": 1.0})
    await life.start()
    for _ in range(3):
        threads += [await started(life.child, quick_task("sign it")) for _ in range(4)]
        await asyncio.sleep(dice.uniform(0, 0.3))
        await asyncio.to_thread(postgres.crash, cluster)
        await _ready(life.child)
    assert life.child.alive
    assert await life.settled(threads) == {"success": len(threads)}
    assert life.deliveries == dict.fromkeys(threads, 1)
    assert life.deaths == 0, "the server outlives its database"


async def _ready(child: Child) -> None:
    async with child.http() as http, asyncio.timeout(30):
        while not (await http.get("/readyz")).is_success:  # noqa: ASYNC110  another process
            await asyncio.sleep(0.05)
