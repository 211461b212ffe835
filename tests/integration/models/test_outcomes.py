"""What came of runs is kept, the same in memory and in a database, and a run that ended leaves its row."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from database import open_engine, writing
from models import Database
from models.wrappers.outcomes import MemoryOutcomes, RunOutcome, RunOutcomes, StoredOutcomes, SuccessRate
from tests.worlds.house import FIX, OK, advance, application, decide, repository, start, task

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


@asynccontextmanager
async def kept(how: str, folder: Path) -> AsyncGenerator[RunOutcomes]:
    if how == "memory":
        yield MemoryOutcomes()
        return
    engine = open_engine(f"sqlite+aiosqlite:///{folder / 'x.db'}")
    database = Database(engine=engine, writing=writing)
    await database.create_all()
    yield StoredOutcomes(database=database)
    await engine.dispose()


def outcome(number: int, model: str, *, succeeded: bool, org: str = "a") -> RunOutcome:
    at = NOW + timedelta(minutes=number)
    return RunOutcome(at=at, org=org, run=f"r{number}", failure="types", model=model, succeeded=succeeded)


@pytest.mark.parametrize("how", ["memory", "stored"])
async def test_the_newest_of_a_kind_count_each_once(how: str, tmp_path: Path) -> None:
    async with kept(how, tmp_path) as outcomes:
        for number in range(6):
            await outcomes.record(outcome(number, "one", succeeded=number < 3))
        await outcomes.record(outcome(6, "other", succeeded=True))
        await outcomes.record(outcome(6, "other", succeeded=False))  # the same again
        await outcomes.record(outcome(7, "one", succeeded=True, org="b"))
        both = [SuccessRate(model="one", runs=6, succeeded=3), SuccessRate(model="other", runs=1, succeeded=1)]
        assert list(await outcomes.rates("a", "types")) == both
        newest = [SuccessRate(model="one", runs=3, succeeded=0), SuccessRate(model="other", runs=1, succeeded=1)]
        assert list(await outcomes.rates("a", "types", last=4)) == newest
        assert list(await outcomes.rates("a", "tests")) == []


async def test_a_run_that_ended_leaves_what_its_model_came_to(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo, deliver="patch"))
        assert standing.run.status == "delivered", standing.run.ending
        assert opened.board.outcomes is not None
        rows = [each for kind in ("tests", "general") for each in await opened.board.outcomes.rates(opened.org, kind)]
        assert [(each.model, each.runs, each.succeeded) for each in rows] == [("coder", 1, 1)]


async def test_what_a_person_rejects_says_nothing_of_the_model(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}, mode="team") as opened:
        standing, _ = await start(opened, task(repo))
        await decide(opened, standing, "reject", person="ben")
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.status == "rejected", standing.run.ending
        assert opened.board.outcomes is not None
        kinds = ("tests", "types", "build", "style", "docs", "general")
        assert [each for kind in kinds for each in await opened.board.outcomes.rates(opened.org, kind)] == []
