import io
import json
from datetime import UTC, datetime

import pytest
from rich.console import Console

from benchmarks.report import ABOUT, GOALS, Goal, latest, plot, record, table

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def test_what_was_not_measured_now_stays(tmp_path):
    path = tmp_path / "results" / "latest.json"
    record({"graph.noop_run_p50_ms": 40.0, "repair.solved": 30}, path=path, now=NOW)
    record({"repair.solved": 36}, path=path, now=datetime(2026, 1, 3, tzinfo=UTC))
    known = json.loads(path.read_text())
    assert known["graph.noop_run_p50_ms"] == 40.0
    assert known["repair.solved"] == 36
    assert known[ABOUT]["graph.noop_run_p50_ms"]["measured_at"] == "2026-01-02T00:00:00+00:00"
    assert known[ABOUT]["repair.solved"]["measured_at"] == "2026-01-03T00:00:00+00:00"


def test_nothing_measured_yet(tmp_path):
    assert latest(tmp_path / "latest.json") == {}


@pytest.mark.parametrize(
    ("wanted", "value", "met", "share"),
    [("at most", 30.0, True, 0.5), ("at most", 90.0, False, 1.5), ("at least", 120.0, True, 0.5)],
)
def test_a_goal_is_met_or_missed(wanted, value, met, share):
    goal = Goal(what="something", unit="ms", wanted=wanted, bound=60.0)
    assert goal.met(value) is met
    assert goal.share(value) == share


def test_nothing_solved_misses_the_goal_without_dividing_by_zero():
    goal = Goal(what="repairs", unit="", wanted="at least", bound=0.6)
    assert not goal.met(0)
    assert goal.share(0) == float("inf")


def test_the_table_says_what_is_missed():
    console = Console(width=200, file=io.StringIO())
    console.print(table({"graph.noop_run_p50_ms": 61.0, "repair.solved": 12, ABOUT: {}}))
    text = console.file.getvalue()
    assert "MISSED" in text
    assert "at most 60 ms" in text
    assert ABOUT not in text


@pytest.mark.slow
def test_the_plot_is_a_picture(tmp_path):
    plot(dict.fromkeys(GOALS, 1.0), tmp_path / "latest.svg")
    assert (tmp_path / "latest.svg").read_text().startswith("<?xml")
