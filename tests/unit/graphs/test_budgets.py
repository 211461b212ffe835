"""Whatever the budget and whatever the attempts come to: a success that was paid for is proved and delivered."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Budget, Exhausted, Plan, Spent, Step, Verdict
from domain.evidence import Evidence, Finding
from domain.limits import ATTEMPT, QUESTION, Limit, ensure_within
from graphs import routes

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BUDGETS = st.builds(
    Budget,
    max_steps=st.integers(1, 6),
    max_tokens=st.integers(0, 60),
    max_cost=st.integers(0, 6).map(Decimal),
    max_minutes=st.floats(0.5, 60),
    max_sandbox_seconds=st.floats(0.5, 60),
)
COSTS = st.builds(
    Spent,
    tokens_in=st.integers(0, 30),
    cost=st.integers(0, 3).map(Decimal),
    model_calls=st.just(1),
    sandbox_seconds=st.floats(0, 30),
)
OUTCOMES = st.lists(st.tuples(st.sampled_from(["works", "fails", "looks as if it worked"]), COSTS), max_size=12)
PLAN = Plan(goal="g", steps=(Step(id="a", title="a"),))
FAILED = Evidence(step="a", attempt=1, findings=(Finding(kind="tests_failed", message="1 failing"),))
UNPROVED = (Finding(kind="tests_failed", message="on a clean checkout"),)


def within(budget: Budget, spent: Spent, limits: tuple[Limit, ...] = tuple(ATTEMPT)) -> bool:
    # Every attempt takes a minute.
    try:
        ensure_within(budget, spent, started_at=NOW, now=NOW + timedelta(minutes=spent.steps), limits=limits)
    except Exhausted:
        return False
    return True


@given(BUDGETS, OUTCOMES)
def test_the_way_of_a_run_ends_in_a_delivery_or_with_a_budget_spent_before_an_attempt(
    budget: Budget, outcomes: list[tuple[str, Spent]]
) -> None:
    """The graph's own routes; the nodes ask for a budget where they do (see tests/traces/test_budgets.py)."""
    state: Any = {"plan": PLAN, "done": (), "tries": 0, "evidence": ()}
    spent, node, left, worked = Spent(), "execute", list(outcomes), False
    while node not in {"deliver", "__end__"}:
        match node:
            case "execute":
                if not within(budget, spent) or not left:
                    assert not worked, "a success was thrown away"
                    break
                outcome, cost = left.pop(0)
                spent, worked = spent + cost + Spent(steps=1), outcome == "works"
                seen = FAILED if outcome == "fails" else Evidence(step="a", attempt=1)
                state |= {"evidence": (seen,), "tries": state["tries"] + 1, "done": ("a",) if seen.ok else ()}
                node = routes.after_observe(cast("Any", state))
            case "review":
                state["findings"] = () if worked else UNPROVED
                node = routes.after_review(cast("Any", state))
            case "replan":
                assert not worked
                state |= {"done": (), "tries": 0, "findings": ()}
                node = routes.after_replan(cast("Any", state)) if within(budget, spent) else "__end__"
            case _:
                signed = Verdict(ballot="b", state="approved", action_digest="d")
                node = routes.after_approve(cast("Any", {**state, "verdict": signed}))
    assert (node == "deliver") == worked
    assert spent.steps <= budget.max_steps


@given(BUDGETS, COSTS, st.integers(0, 7))
def test_a_question_needs_no_more_than_an_attempt(budget: Budget, cost: Spent, steps: int) -> None:
    spent = replace(cost, steps=steps)
    if within(budget, spent):
        assert within(budget, spent, tuple(QUESTION))


@pytest.mark.parametrize("limit", ["steps", "sandbox_seconds"])
def test_the_last_question_may_be_asked_after_the_last_attempt(limit: str) -> None:
    budget, spent = Budget(max_steps=1, max_sandbox_seconds=1), Spent()
    spent = replace(spent, **{limit: 1})
    assert not within(budget, spent)
    assert within(budget, spent, tuple(QUESTION))
