"""Changes of the last commits taken back."""

from models.repair.inside.analysis.source import Code
from models.repair.inside.search.candidates import undone

CODE = Code("/work/repo/shop/prices.py", "def f(x):\n    y = x + 1\n    return y\n")


def hunk(before: str, after: str, path: str = "shop/prices.py") -> dict[str, str]:
    return {"path": path, "before": before, "after": after, "commit": "0123456789abcdef", "subject": "s"}


def test_a_change_that_still_stands_is_taken_back():
    (found,) = undone(CODE, {2: 1.0}, [hunk("    y = x\n", "    y = x + 1\n")])
    idea = found.idea
    assert CODE.text[: idea.start] + idea.text + CODE.text[idea.end :] == "def f(x):\n    y = x\n    return y\n"
    assert (found.line, idea.kind) == (2, "change of 012345678 undone")


def test_what_is_elsewhere_or_was_changed_since_is_left_alone():
    gone = hunk("    y = x\n", "    y = x + 2\n")
    other = hunk("    y = x\n", "    y = x + 1\n", path="prices.py.old")
    assert not list(undone(CODE, {2: 1.0}, [gone, other]))


def test_the_newer_change_of_a_more_suspicious_line_comes_first():
    changes = [hunk("    return 1\n", "    return y\n"), hunk("    y = x\n", "    y = x + 1\n")]
    newer, older = undone(CODE, {2: 1.0, 3: 1.0}, changes)
    assert newer.score > older.score


def test_a_change_where_no_failing_test_leads_is_left_alone():
    changes = [hunk("    return 1\n", "    return y\n"), hunk("    y = x\n", "    y = x + 1\n")]
    assert [found.line for found in undone(CODE, {2: 1.0}, changes)] == [2]


def test_a_change_that_took_away_what_a_failing_test_asks_for_is_taken_back():
    changes = [
        hunk("def g(x):\n    return x\n\n\ndef f(x):\n", "def f(x):\n"),
        hunk("    return 1\n", "    return y\n"),
    ]
    (found,) = undone(CODE, {2: 1.0}, changes, frozenset({"g"}))
    assert found.idea.text.startswith("def g(x):")
