"""Replan: another plan from the evidence, a bounded number of times."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from domain import Plan, Step, Verdict
from domain.evidence import Evidence, Finding
from nodes.replan import reason_to_stop
from tests.worlds.stations import station, visit

PLAN = Plan(goal="Another way", steps=(Step(id="other", title="Another way"),))
STUCK = Evidence(step="change", attempt=1, findings=(Finding(kind="loop", message="in circles"),), failure="tests")


async def test_a_new_plan_begins_anew_from_the_last_good_state(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [], "planner": [PLAN]}, "receive", "plan") as (opened, state):
        state |= {"evidence": (STUCK,), "snapshot": replace(state["snapshot"], full="other")}
        update = await visit(opened, state, "replan")
        assert update["plan"].goal == "Another way"
        assert (update["done"], update["transcript"], update["turns"], update["round"]) == ((), (), (), 1)
        assert update["snapshot"] == state["good"]


async def test_a_persons_wish_builds_on_the_work(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [], "planner": [PLAN]}, "receive", "plan") as (opened, state):
        wish = Verdict(ballot="b", state="rejected", action_digest="", feedback="Say so in the docstring")
        mine = replace(state["snapshot"], full="mine")
        state |= {"verdict": wish, "snapshot": mine}
        update = await visit(opened, state, "replan")
        assert update["snapshot"] == mine
        planner = opened.board.registry.models["planner"]
        assert "Say so in the docstring" in planner.asked[0][-1].content  # type: ignore[attr-defined]


async def test_the_same_finding_twice_ends_the_run(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [], "planner": [PLAN]}, "receive", "plan") as (opened, state):
        state |= {"evidence": (STUCK,), "seen": (STUCK.findings[0].fingerprint,)}
        assert (await visit(opened, state, "replan"))["ending"].code == "same_finding_twice"


async def test_three_rounds_are_enough(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [], "planner": [PLAN]}, "receive", "plan") as (opened, state):
        state |= {"evidence": (STUCK,), "round": 3}
        assert (await visit(opened, state, "replan"))["ending"].code == "gave_up"


@pytest.mark.parametrize(
    ("more", "feedback", "can_plan", "code"),
    [
        ({}, "", True, None),
        ({}, "", False, "gave_up"),
        ({"seen": ("p",)}, "", True, "same_finding_twice"),
        ({"seen": ("p",)}, "Say why", True, None),
        ({"round": 3}, "Say why", True, "gave_up"),
    ],
)
def test_a_run_is_planned_anew_as_long_as_that_may_help(more: Any, feedback: str, can_plan: bool, code: str) -> None:
    state: Any = {"round": 0, "evidence": (STUCK,), **more}
    ending = reason_to_stop(state, ("p",), feedback, can_plan=can_plan)
    assert (None if ending is None else ending.code) == code
