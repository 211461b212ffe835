"""What endpoints bill is what the books have, whatever came of it: the run's own, the rows of usage, the ledger."""

from pathlib import Path

import pytest
from sqlalchemy import select

from models.tables import SPENT
from service.wiring.application import Application
from tests.integration.models.choosing import LONG, catalogue, delivered, opened, saying
from tests.integration.models.test_faults import FAULTS
from tests.wire.openai_server import OpenAIServer
from tests.worlds.house import FIX, advance

SLACK = 6
"""Tokens of each answer: what nobody counted is estimated, and a piece may be on its way when nobody listens."""


async def books(application: Application, run: str) -> dict[str, int]:
    """Tokens of a run, as everybody who keeps books has them."""
    standing = await application.engine.standing(run)
    spent = standing.values["spent"]
    rows = await application.decisions.latest(application.org, run=run, limit=1_000)
    async with application.decisions.database.engine.connect() as connection:
        booked = await connection.execute(select(SPENT.c.tokens).where(SPENT.c.account == f"{application.org}/{run}"))
        ledger = booked.scalar_one_or_none() or 0
    assert spent.cost == sum(row.cost for row in rows)
    assert (spent.tokens_in > 0) == (spent.cost > 0)
    return {
        "run": spent.tokens_in + spent.tokens_out,
        "rows": sum(row.tokens_in + row.tokens_out for row in rows),
        "ledger": ledger,
    }


def must_agree(found: dict[str, int], *servers: OpenAIServer) -> int:
    billed = [each for server in servers for each in server.billed]
    tokens = sum(each.tokens for each in billed)
    assert len(set(found.values())) == 1, found
    assert abs(found["run"] - tokens) <= SLACK * len(billed), (found, tokens)
    return tokens


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
async def test_a_run_that_nobody_answered_has_paid(tmp_path: Path, fault: str) -> None:
    async with (
        OpenAIServer(FAULTS[fault], models=["m"]) as server,
        opened(tmp_path, model_base_url=server.base_url, model="m", model_timeout_s=1.5) as application,
    ):
        standing = await delivered(application, tmp_path, text=LONG, strategy="balanced")
        assert standing.run.ending is not None
        tokens = must_agree(await books(application, standing.run.id), server)
        assert (tokens > 0) == bool(server.billed)


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
async def test_those_who_failed_before_somebody_answered_are_paid(tmp_path: Path, fault: str) -> None:
    async with (
        OpenAIServer(FAULTS[fault], models=["bad"]) as broken,
        OpenAIServer(saying(), models=["good"]) as server,
    ):
        mine = catalogue(
            tmp_path,
            models=[
                {"id": "bad", "endpoint": broken.base_url, "tier": "advanced", "price_in": "1", "price_out": "2"},
                {"id": "good", "endpoint": server.base_url, "tier": "fast"},
            ],
        )
        async with opened(tmp_path, catalogue=mine, model_timeout_s=4) as application:
            standing = await delivered(application, tmp_path, text="Fix the total")
            must_agree(await books(application, standing.run.id), broken, server)


async def test_the_repair_engine_is_free_but_not_whom_it_stands_in_for(tmp_path: Path) -> None:
    garbage = [{"answer": "I would rather not.", "repeat": True}]
    async with (
        OpenAIServer(garbage, models=["m"]) as server,
        opened(tmp_path, model_base_url=server.base_url, model="m") as application,
    ):
        standing = await delivered(application, tmp_path, text="Fix the total", strategy="fast")
        assert standing.run.status == "interrupted"
        assert standing.values["attempts"][-1].provider == "builtin-repair"
        assert must_agree(await books(application, standing.run.id), server) > 0


@pytest.mark.slow
async def test_a_run_that_goes_on_keeps_what_it_paid(tmp_path: Path) -> None:
    moods = [{"when": "review", "answer": "Hm."} for _ in range(2)]
    async with (
        OpenAIServer([*moods, *saying(change=FIX)], models=["m"]) as server,
        opened(tmp_path, model_base_url=server.base_url, model="m", model_timeout_s=2) as application,
    ):
        standing = await delivered(application, tmp_path)
        assert standing.run.ending is not None
        assert (standing.run.status, standing.run.ending.code) == ("paused", "llm_unreadable")
        paid = must_agree(await books(application, standing.run.id), server)
        standing, _ = await advance(application, standing.run.id)
        assert standing.run.status == "interrupted"
        assert must_agree(await books(application, standing.run.id), server) > paid
