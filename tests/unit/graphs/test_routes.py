from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Action, CodeChange, Ending, Plan, Risk, Step, Verdict
from domain.coder import OpenQuestion
from domain.evidence import Evidence, Finding
from domain.progress import Pending
from domain.team import Team
from graphs import routes

PLAN = Plan(goal="g", steps=(Step(id="a", title="a"), Step(id="b", title="b", needs=("a",))))
END = Ending(status="failed", code="gave_up")
FAILED = Evidence(step="a", attempt=1, findings=(Finding(kind="tests_failed", message="1 failing"),))
LOOPED = Evidence(step="a", attempt=1, findings=(Finding(kind="loop", message="again"),))
WORKED = Evidence(step="a", attempt=1)
PENDING = Pending(step="a", change=CodeChange(), action=Action(tool="shell"), risk=Risk(tier="high"))


def state(**values: Any) -> Any:
    return cast("Any", {"plan": PLAN, "done": (), **values})


@pytest.mark.parametrize(
    ("values", "way"),
    [
        ({"evidence": (WORKED,), "done": ("a",)}, "execute"),
        ({"evidence": (WORKED,), "done": ("a", "b")}, "review"),
        ({"evidence": (FAILED,), "tries": 1}, "execute"),
        ({"evidence": (FAILED,), "tries": 3}, "replan"),
        ({"evidence": (LOOPED,), "tries": 1}, "replan"),
        ({"pending": PENDING}, "approve"),
        ({"ending": END, "pending": PENDING}, "__end__"),
    ],
)
def test_evidence_shows_the_way(values: dict[str, Any], way: str) -> None:
    assert routes.after_observe(state(**values)) == way


@pytest.mark.parametrize(
    ("values", "way"),
    [
        ({}, "approve"),
        ({"findings": (Finding(kind="weakened_test", message="m"),)}, "replan"),
        ({"findings": (Finding(kind="several_fixes", message="m", blocking=False),)}, "approve"),
        ({"ending": END}, "__end__"),
    ],
)
def test_a_blocking_finding_goes_back_to_the_planner(values: dict[str, Any], way: str) -> None:
    assert routes.after_review(state(**values)) == way


def verdict(how: str, feedback: str = "") -> Verdict:
    return Verdict(ballot="b", state=cast("Any", how), action_digest="d", feedback=feedback)


@pytest.mark.parametrize(
    ("values", "way"),
    [
        ({"verdict": verdict("approved")}, "deliver"),
        ({"verdict": verdict("approved"), "pending": PENDING}, "execute"),
        ({"verdict": verdict("rejected", "smaller please")}, "replan"),
        ({"verdict": verdict("rejected")}, "__end__"),
        ({"verdict": verdict("expired")}, "__end__"),
        ({"verdict": verdict("stale")}, "__end__"),
        ({"verdict": None}, "__end__"),
        ({"verdict": verdict("rejected", "words"), "ending": END}, "__end__"),
    ],
)
def test_only_an_approval_leads_on(values: dict[str, Any], way: str) -> None:
    assert routes.after_approve(state(**values)) == way


STATES = ["pending", "rejected", "expired", "cancelled", "superseded", "consumed", "executed", "failed", "stale"]


@given(st.sampled_from(STATES), st.text(max_size=5), st.booleans())
def test_nothing_but_approved_ever_reaches_an_action(how: str, feedback: str, waiting: bool) -> None:
    way = routes.after_approve(state(verdict=verdict(how, feedback), pending=PENDING if waiting else None))
    assert way in {"replan", "__end__"}


def test_waiting_goes_on_until_there_is_a_verdict() -> None:
    assert routes.after_wait(state(verdict=None)) == "wait"
    assert routes.after_wait(state(verdict=verdict("approved"))) == "__end__"
    assert routes.after_ask(state(verdict=None)) == "wait"
    assert routes.after_replan(state()) == "execute"
    assert routes.after_replan(state(ending=END)) == "__end__"


SHARED = Team(size=2)


@pytest.mark.parametrize(
    ("values", "way"),
    [
        ({}, "execute"),
        ({"team": None}, "execute"),
        ({"team": SHARED}, "team"),
        ({"team": SHARED, "plan": Plan(goal="g", steps=PLAN.steps[:1])}, "execute"),
    ],
)
def test_a_team_shares_a_plan_of_several_steps(values: dict[str, Any], way: str) -> None:
    assert routes.after_plan(state(**values)) == way
    assert routes.after_replan(state(**values)) == way


@pytest.mark.parametrize(
    ("values", "way"),
    [
        ({"team": SHARED}, "team"),
        ({"team": Team(outcome="landed")}, "review"),
        ({"team": Team(outcome="stuck")}, "replan"),
        ({"team": SHARED, "pending": PENDING}, "approve"),
        ({"team": SHARED, "ending": END}, "__end__"),
    ],
)
def test_a_team_is_visited_until_it_came_to_something(values: dict[str, Any], way: str) -> None:
    assert routes.after_team(state(**values)) == way


def test_what_people_say_goes_to_the_worker_who_asked() -> None:
    waiting = {"team": SHARED, "worker": "p1", "pending": PENDING}
    assert routes.after_approve(state(**waiting, verdict=verdict("approved"))) == "team"
    assert routes.after_approve(state(**waiting, verdict=verdict("rejected", "smaller"))) == "team"
    assert routes.after_approve(state(**waiting, verdict=verdict("rejected"))) == "__end__"
    assert routes.after_approve(state(**waiting, verdict=verdict("expired", "words"))) == "__end__"
    question = OpenQuestion(step="a", text="?")
    assert routes.after_observe(state(question=question, worker="p1")) == "team"
    assert routes.after_observe(state(question=question)) == "execute"
