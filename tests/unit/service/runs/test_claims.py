"""A claim on PostgreSQL is one statement, and still sees what was written while it waited for the run's row."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from database import now, open_engine
from domain import Refused, Task
from service.runs.runs import Run, Runs
from service.runs.turns import Turn, Turns
from tests.worlds import postgres

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
LEASE = timedelta(seconds=30)


@pytest.fixture(scope="module")
def cluster() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture
async def runs(cluster: Path) -> AsyncGenerator[Runs]:
    await postgres.emptied(cluster, "claims")
    engine, at = open_engine(postgres.url(cluster, "claims")), now()
    task = Task(text="do it", repo="/nowhere", requester="ann")
    made = Runs(engine=engine)
    await made.add(Run(id="r", org="local", requester="ann", status="pending", task=task, created_at=at, updated_at=at))
    turn = Turn(id="t", thread="r", org="local", assistant="coding", created_at=at, updated_at=at)
    await Turns(engine=engine).add(turn)
    yield made
    await engine.dispose()


@asynccontextmanager
async def claiming_behind(runs: Runs, cluster: Path, *changes: str) -> AsyncGenerator["asyncio.Task[int]"]:
    """A claim that began while another transaction held the run's row and wrote this, which is committed by now."""
    url = postgres.libpq(cluster, "claims")
    async with await psycopg.AsyncConnection.connect(url) as other:
        await other.execute("SELECT 1 FROM runs WHERE id = 'r' FOR UPDATE")
        claiming = asyncio.create_task(runs.claim("r", "me", now=now(), lease_for=LEASE, turn="t"))
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as look, asyncio.timeout(20):
            waits = "SELECT 1 FROM pg_locks WHERE NOT granted"
            while await (await look.execute(waits)).fetchone() is None:  # noqa: ASYNC110  another process
                await asyncio.sleep(0.01)
        for change in changes:
            await other.execute(change.encode())
    yield claiming


async def test_a_turn_that_was_stopped_meanwhile_is_not_begun(runs: Runs, cluster: Path) -> None:
    async with claiming_behind(runs, cluster, "UPDATE turns SET status = 'interrupted'") as claiming:
        with pytest.raises(Refused) as caught:
            await claiming
    assert caught.value.stable_code == "lease_lost"
    found = await runs.get("r", org="local")
    assert (found.owner, found.generation, found.status) == (None, 0, "pending")


async def test_one_that_was_taken_meanwhile_is_busy(runs: Runs, cluster: Path) -> None:
    taken = "UPDATE runs SET owner = 'other', generation = 7, lease_until = now() + interval '1 minute'"
    async with claiming_behind(runs, cluster, taken) as claiming:
        with pytest.raises(Refused) as caught:
            await claiming
    assert caught.value.stable_code == "run_busy"
    assert (await runs.get("r", org="local")).owner == "other"


async def test_one_that_was_given_back_meanwhile_has_the_next_generation(runs: Runs, cluster: Path) -> None:
    async with claiming_behind(runs, cluster, "UPDATE runs SET generation = 7, segment = 3") as claiming:
        assert await claiming == 8
    found = await runs.get("r", org="local")
    assert (found.owner, found.generation, found.segment, found.status) == ("me", 8, 4, "running")


async def test_a_turn_that_is_over_is_not_begun(runs: Runs) -> None:
    with pytest.raises(Refused) as caught:
        await runs.claim("r", "me", now=now(), lease_for=LEASE, turn="another")
    assert caught.value.stable_code == "lease_lost"
    assert await runs.claim("r", "me", now=now(), lease_for=LEASE, turn="t") == 1
    assert await runs.claim("r", "me", now=now(), lease_for=LEASE) == 2
