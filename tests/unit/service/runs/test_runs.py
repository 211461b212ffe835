from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from database import open_engine, sqlite_url
from domain import Budget, Ending, Refused, Task
from service.runs.runs import Run, Runs
from service.storage.schema import make_tables

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
LEASE = timedelta(seconds=30)


@pytest.fixture
async def runs(tmp_path: Path) -> AsyncIterator[Runs]:
    engine = open_engine(sqlite_url(tmp_path / "runs.db"))
    await make_tables(engine)
    yield Runs(engine=engine)
    await engine.dispose()


def row(name: str, org: str = "a") -> Run:
    task = Task(text="fix", repo="/r", budget=Budget(max_cost=Decimal("1.25")))
    return Run(id=name, org=org, requester="me", status="pending", task=task, created_at=NOW, updated_at=NOW)


async def test_a_run_comes_back_as_it_was_written(runs: Runs) -> None:
    await runs.add(row("abc123"))
    assert await runs.get("abc", org="a") == row("abc123")


async def test_another_organisation_does_not_see_it(runs: Runs) -> None:
    await runs.add(row("abc123"))
    with pytest.raises(Refused) as caught:
        await runs.get("abc123", org="b")
    assert caught.value.stable_code == "run_not_found"


@pytest.mark.parametrize("name", ["", "%", "_", "zzz"])
async def test_a_name_is_a_prefix_and_no_pattern(runs: Runs, name: str) -> None:
    await runs.add(row("abc123"))
    with pytest.raises(Refused) as caught:
        await runs.get(name, org="a")
    assert caught.value.stable_code == "run_not_found"


async def test_a_short_name_must_be_clear(runs: Runs) -> None:
    await runs.add(row("abc1"))
    await runs.add(row("abc2"))
    with pytest.raises(Refused) as caught:
        await runs.get("abc", org="a")
    assert caught.value.stable_code == "run_ambiguous"


async def test_one_worker_at_a_time(runs: Runs) -> None:
    await runs.add(row("r"))
    first = await runs.claim("r", "one", now=NOW, lease_for=LEASE)
    with pytest.raises(Refused) as caught:
        await runs.claim("r", "two", now=NOW + timedelta(seconds=29), lease_for=LEASE)
    assert caught.value.stable_code == "run_busy"
    second = await runs.claim("r", "two", now=NOW + timedelta(seconds=31), lease_for=LEASE)
    assert second == first + 1


async def test_who_lost_the_lease_writes_no_more(runs: Runs) -> None:
    await runs.add(row("r"))
    old = await runs.claim("r", "one", now=NOW, lease_for=LEASE)
    new = await runs.claim("r", "two", now=NOW + timedelta(minutes=1), lease_for=LEASE)
    assert not await runs.renew("r", old, now=NOW, lease_for=LEASE)
    assert not await runs.settle("r", old, "failed", now=NOW)
    ending = Ending(status="delivered", answer_markdown="done")
    assert await runs.settle("r", new, "delivered", now=NOW, ending=ending)
    found = await runs.get("r", org="a")
    assert (found.status, found.ending, found.owner, found.segment) == ("delivered", ending, None, 2)


async def test_a_cancelled_run_cannot_be_settled(runs: Runs) -> None:
    await runs.add(row("r"))
    mine = await runs.claim("r", "one", now=NOW, lease_for=LEASE)
    await runs.cancel("r", now=NOW)
    assert not await runs.settle("r", mine, "delivered", now=NOW)
    assert (await runs.get("r", org="a")).status == "cancelled"


async def test_the_newest_run_comes_first(runs: Runs) -> None:
    for n in range(3):
        made = row(f"r{n}")
        await runs.add(
            Run(
                id=made.id,
                org="a",
                requester="me",
                status="pending",
                task=made.task,
                created_at=NOW + timedelta(seconds=n),
                updated_at=NOW,
            )
        )
    assert [r.id for r in await runs.list(org="a", limit=2)] == ["r2", "r1"]
