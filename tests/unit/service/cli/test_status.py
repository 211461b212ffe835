"""``signoff status`` names the page that is due, and only then."""

from datetime import UTC, datetime
from typing import Any

import pytest

from service.plans.metering import MeterUse, PlanUse
from service.plans.payments import CurrentPlan
from service.plans.plans import BillingPlan, PlanLimit
from service.wiring.readings import SHOWN, by_name, of_approvals, of_database, of_machine, of_plans
from telemetry import GaugeReading, Waiting

WELL = {
    ("database_query_seconds",): 0.002,
    ("queue_oldest_age_seconds",): 0.0,
    ("queue_turns", "waiting"): 0.0,
    ("queue_turns", "working"): 2.0,
    ("queue_turns", "dead"): 0.0,
    ("letters", "waiting"): 1.0,
    ("letters", "dead"): 0.0,
    ("oldest_letter_age_seconds",): 5.0,
    ("home_bytes", "free"): 50.0,
    ("home_bytes", "total"): 100.0,
    ("sandbox_engine_up",): 1.0,
    ("sandbox_containers", "ours"): 0.0,
    ("sandbox_containers", "others"): 3.0,
    ("sandbox_containers", "abandoned"): 0.0,
}


def due(numbers: dict[tuple[str, ...], float]) -> list[str]:
    return [check.hint for check in (*of_database(numbers), *of_machine(numbers)) if not check.ok]


def test_what_is_well_needs_no_page() -> None:
    assert due(WELL) == []
    readings = [GaugeReading(name="signoff_letters", amount=1, labels={"state": "dead"})]
    assert by_name(readings) == {("letters", "dead"): 1}


@pytest.mark.parametrize(
    ("name", "number", "page"),
    [
        (("database_query_seconds",), 1.0, "database"),
        (("queue_oldest_age_seconds",), 301.0, "queue"),
        (("queue_turns", "dead"), 1.0, "dead-jobs"),
        (("letters", "dead"), 1.0, "letters"),
        (("oldest_letter_age_seconds",), 1_000.0, "letters"),
        (("home_bytes", "free"), 9.0, "disk-full"),
        (("sandbox_engine_up",), 0.0, "docker-down"),
        (("sandbox_containers", "abandoned"), 1.0, "leaked-containers"),
    ],
)
def test_each_trouble_has_its_page(name: tuple[str, ...], number: float, page: str) -> None:
    assert due({**WELL, name: number}) == [f"docs/runbooks/{page}.md"]


def test_a_machine_without_an_engine_is_not_asked_for_one() -> None:
    numbers = {name: number for name, number in WELL.items() if not name[0].startswith("sandbox")}
    assert [check.name for check in of_machine(numbers)] == ["disk"]


def test_a_question_is_late_after_four_hours() -> None:
    assert of_approvals([Waiting(tier="high", age_s=3_600)]).ok
    late = of_approvals([Waiting(tier="high", age_s=3_600), Waiting(tier="critical", age_s=5 * 3_600)])
    assert (late.ok, late.detail) == (False, "2 wait, 1 for more than 4 hours")
    assert of_approvals([Waiting(tier="medium", age_s=5 * 3_600)]).ok, "no alert calls anybody for it"


def used(org: str, runs: int, **current: Any) -> PlanUse:
    plan = BillingPlan(runs=PlanLimit(hard=10))
    meters = (MeterUse(meter="runs", used=runs, limit=plan.limit("runs")),)
    return PlanUse(
        org=org,
        month="2026-11",
        meters=meters,
        current=CurrentPlan(**{"name": "free", "plan": plan, "because": "default", **current}),
    )


def test_organisations_that_came_to_an_end_of_their_plan_are_named() -> None:
    (well,) = of_plans((used("acme", 7), used("beta", 0)))
    assert (well.ok, well.detail) == (True, "2 organisations within their plans")
    (near,) = of_plans((used("acme", 8), used("beta", 0, missing="gone")))
    assert not near.ok
    assert near.detail == "acme: free; runs=8/10; renews=2026-12-01T00:00:00Z; beta: the file has no plan gone"
    (many,) = of_plans(tuple(used(f"org{number}", 10) for number in range(SHOWN + 3)))
    assert many.detail.endswith("and 3 more")
    until = datetime(2026, 12, 9, tzinfo=UTC)
    (unpaid,) = of_plans((used("acme", 0, because="grace", grace_until=until),))
    assert "payment=failed; grace=2026-12-09" in unpaid.detail
