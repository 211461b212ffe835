"""Each kind of event has its line, alone; a kind without one is not shown."""

import pytest
from rich.text import Text

from service.cli.progress import LINES


@pytest.mark.parametrize(
    ("kind", "message", "data", "line"),
    [
        (
            "run_started",
            "Fix it\nplease",
            {"base": "abcdef0123456", "accept": "pytest", "expert": "python"},
            "Fix it\n          from abcdef0123, proved by pytest, as python",
        ),
        ("run_started", "", {"dirty": True}, "(uncommitted changes are not part of it)"),
        ("plan_made", "", {"steps": ["one", "two"]}, "2 steps\n          1. one\n          2. two"),
        ("replanned", "", {"steps": ["one"]}, "1 step\n"),
        ("command_started", "pytest -q", {"clean_checkout": True}, "$ pytest -q (clean checkout)"),
        ("command_ended", "exit 1", {"counts": "2 failed", "ms": 1_500}, "  exit 1 · 2 failed 1.5 s"),
        (
            "change_proposed",
            "a change",
            {"provider": "coder", "tried": 3},
            "coder proposes a change after 3 candidates",
        ),
        ("change_applied", "a.py", {}, "changed a.py"),
        ("candidate_tried", "coder", {"passed": True}, "candidate of coder passes"),
        (
            "coder_turn",
            "",
            {"number": 2, "action": "open", "subject": "a.py", "code": "no_file"},
            "2. open a.py no_file",
        ),
        ("question_asked", "Which one?", {}, "asks: Which one?"),
        ("risk_rated", "high", {"reasons": ["writes", "runs"]}, "risk HIGH writes; runs"),
        ("reviewed", "changes_requested", {"issues": ["unclear"]}, "review: changes requested\n          - unclear"),
        ("ballot_opened", "b1", {"waiting": True}, "needs a signature: ballot b1"),
        ("ballot_decided", "approved", {"voters": ["ada"]}, "approved by ada"),
        ("delivered", "patch", {"commit": "0123456789abcdef"}, "delivered patch 0123456789ab"),
        ("model_called", "m", {"tokens_in": 1, "tokens_out": 2, "latency_ms": 100}, "asked m: 1 → 2 tokens, 0.1 s"),
        ("note", " word ", {}, "word"),
    ],
)
def test_an_event_has_a_line(kind: str, message: str, data: dict[str, object], line: str) -> None:
    assert line in Text.from_markup(LINES[kind](message, data)).plain


@pytest.mark.parametrize(("kind", "message"), [("note", " "), ("change_applied", ""), ("ballot_opened", "b1")])
def test_nothing_to_say_is_no_line(kind: str, message: str) -> None:
    assert not LINES[kind](message, {})


@pytest.mark.parametrize("kind", LINES)
def test_markup_in_what_a_run_says_is_shown_and_not_obeyed(kind: str) -> None:
    data = {
        "waiting": True,
        "provider": "[red]x",
        "steps": ["[red]x"],
        "issues": ["[red]x"],
        "voters": ["[red]x"],
        "subject": "[red]x",
    }
    line = Text.from_markup(LINES[kind]("[red]x", {**data, "reasons": ["[red]x"], "accept": "[red]x"}))
    assert "[red]x" in line.plain or kind in {"risk_rated", "reviewed", "command_ended"}
