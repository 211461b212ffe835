"""``signoff status`` names the page that is due, and only then."""

import pytest

from service.wiring.readings import by_name, of_approvals, of_database, of_machine
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
