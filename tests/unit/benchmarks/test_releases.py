"""Hunks between two releases, each of them a bug when it is undone."""

import ast

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.repair.measuring import JUDGING, SUITES
from benchmarks.repair.releases import LARGEST_HUNK, ReleaseHunk, hunks

OLD = '''"""Sums."""


def total(prices):
    """Of all prices."""
    return sum(prices[1:])


def mean(prices):
    return total(prices) / len(prices)
'''
NEW = '''"""All about sums."""


def total(prices: list[int]) -> int:
    """The sum of all prices."""
    return sum(prices)


def mean(prices):
    if not prices:
        return 0
    return total(prices) / len(prices)
'''
LINES = st.lists(st.sampled_from(["x = 1\n", "y = 2\n", "if x:\n", "    z = 3\n", "# words\n", "\n"]), max_size=12)


def test_what_only_people_read_is_no_bug():
    (both, guard) = hunks("sums.py", OLD, NEW)
    assert "prices[1:]" in both.undone(NEW)
    assert both.undone(NEW).count("if not prices") == 1, "one hunk at a time"
    assert "if not prices" not in guard.undone(NEW)
    documented = NEW.replace("The sum of all prices.", "The sum.").replace(": list[int]) -> int", ")")
    assert list(hunks("sums.py", documented, NEW)) == []


def test_a_change_that_is_new_code_is_left_out():
    longer = NEW + "\n\ndef more():\n" + "".join(f"    a{n} = {n}\n" for n in range(LARGEST_HUNK + 1))
    assert list(hunks("sums.py", NEW, longer)) == []


@settings(deadline=None)
@given(LINES, LINES)
def test_each_leaves_python_behind_that_does_something_else(old, new):
    before, after = "".join(old), "".join(new)
    try:
        ast.parse(after)
    except SyntaxError:
        return
    for hunk in hunks("a.py", before, after):
        assert ast.dump(ast.parse(hunk.undone(after))) != ast.dump(ast.parse(after))
        assert len(hunk.before) <= LARGEST_HUNK


def test_a_hunk_is_put_back_where_it_was():
    assert ReleaseHunk("a.py", 1, 2, ("two\n", "and\n")).undone("1\n2\n3\n") == "1\ntwo\nand\n3\n"


def test_what_is_for_judging_is_in_no_suite():
    assert JUDGING not in SUITES
