from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Budget, Exhausted, Plan, Refused, Spent, Step
from domain.limits import ensure_within, looping
from domain.work import check_plan, ready

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def plan(*edges: tuple[str, tuple[str, ...]]) -> Plan:
    return Plan(goal="g", steps=tuple(Step(id=name, title=name, needs=needs) for name, needs in edges))


def test_steps_become_ready_when_what_they_need_is_done() -> None:
    diamond = plan(("a", ()), ("b", ("a",)), ("c", ("a",)), ("d", ("b", "c")))
    assert [s.id for s in ready(diamond, ())] == ["a"]
    assert [s.id for s in ready(diamond, {"a"})] == ["b", "c"]
    assert [s.id for s in ready(diamond, {"a", "b", "c"})] == ["d"]


@pytest.mark.parametrize(
    "bad", [plan(("a", ("a",))), plan(("a", ("b",)), ("b", ("a",))), plan(("a", ("z",))), plan(("a", ()), ("a", ()))]
)
def test_a_plan_that_is_no_dag_is_refused(bad: Plan) -> None:
    with pytest.raises(Refused) as caught:
        check_plan(bad)
    assert caught.value.stable_code == "plan_invalid"


@given(st.lists(st.sets(st.integers(0, 11)), min_size=1, max_size=12))
def test_a_plan_that_only_looks_back_always_finishes(needs: list[set[int]]) -> None:
    made = plan(*[(f"s{i}", tuple(f"s{j}" for j in sorted(back) if j < i)) for i, back in enumerate(needs)])
    assert check_plan(made) is made


@pytest.mark.parametrize(
    ("spent", "name"),
    [
        (Spent(steps=2), "steps"),
        (Spent(tokens_in=50, tokens_out=41), "tokens"),
        (Spent(cost=Decimal(1), model_calls=1), "cost"),
        (Spent(sandbox_seconds=9), "sandbox_seconds"),
    ],
)
def test_a_spent_budget_names_its_limit(spent: Spent, name: str) -> None:
    budget = Budget(max_steps=2, max_tokens=100, max_cost=Decimal(1), max_sandbox_seconds=9)
    with pytest.raises(Exhausted, match=name):
        ensure_within(budget, spent, started_at=NOW, now=NOW, tokens=10)


def test_time_is_a_budget() -> None:
    with pytest.raises(Exhausted, match="minutes"):
        ensure_within(Budget(max_minutes=1), Spent(), started_at=NOW, now=NOW + timedelta(minutes=1))
    ensure_within(Budget(max_minutes=1), Spent(), started_at=None, now=NOW)


def test_three_of_the_last_five_actions_are_a_loop() -> None:
    assert looping(["a", "b", "a", "c", "a"])
    assert not looping(["a", "a", "b", "c", "d", "a"])
