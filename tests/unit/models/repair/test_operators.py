"""Each mutation operator alone: what it makes of one expression or statement."""

import ast
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.repair.inside.analysis.facts import Hints
from models.repair.inside.analysis.site import Ideas, Site
from models.repair.inside.edits import atoms, calls, conditions, names, operators, statements, subscripts
from tests.unit.models.repair.editing import edited, site


def in_one_field(operator: Callable[[Site, Any], Ideas]) -> Callable[[Site], Ideas]:
    def first_field(at: Site) -> Ideas:
        match = atoms._FIELD.search(at.text)
        assert match is not None
        return operator(at, match)

    return first_field


EXPRESSIONS = [
    (lambda at: atoms.numbers(at, 8), "def f(n):\n    return n % {}\n", "8", {"7", "9", "16", "4", "0", "-8"}),
    (lambda at: atoms.numbers(at, 0.5), "def f(n):\n    return n * {}\n", "0.5", {"1.5", "1.0", "0.25"}),
    (lambda at: atoms.off_by_one(at, 1, added=False), "def f(n):\n    return g({})\n", "1", {"0", "2"}),
    (lambda at: atoms.strings(at, "ab"), "def f(n):\n    return g({})\n", "'ab'", {"''", "'AB'", "'ba'", "'a'", "'b'"}),
    (in_one_field(atoms.format_specs), "def f(n):\n    return {}\n", 'f"{n:>3}"', {'f"{n:<3}"', 'f"{n}"', 'f"{n!r}"'}),
    (in_one_field(atoms.field_names), "def f(n, k):\n    return {}\n", 'f"{n}"', {'f"{k}"', 'f"{n + 1}"'}),
    (
        lambda at: calls.ranges(at, at.node),
        "def f(n):\n    return {}\n",
        "range(n)",
        {"range(1, n)", "range(1, n + 1)", "range(n - 1, -1, -1)"},
    ),
    (
        lambda at: calls.keywords(at, at.node),
        "def f(n, k):\n    g(c=1, k=2)\n    return {}\n",
        "g(a, b=1)",
        {"g(a)", "g(a, b=1, k=k)"},
    ),
    (
        lambda at: calls.more_arguments(at, at.node),
        "def g(a, b):\n    pass\n\n\ndef f(n, k):\n    return {}\n",
        "g(n)",
        {"g(n, k)"},
    ),
    (
        lambda at: names.other_functions(at, "g"),
        "def g(a):\n    pass\n\n\ndef h(a):\n    pass\n\n\ndef f(n):\n    return {}(n)\n",
        "g",
        {"h"},
    ),
    (
        lambda at: operators.with_constant(at, (at.node.left, at.node.comparators[0]), ">"),
        "def f(n):\n    return {}\n",
        "n > 1",
        {"n >= 2", "n >= 0", "n < 2"},
    ),
    (
        lambda at: operators.groupings(at, at.node),
        "def f(a, b, c):\n    return {}\n",
        "a + b * c",
        {"(a + b) * c"},
    ),
    (
        lambda at: subscripts.slices(at, "xs", at.node.slice),
        "def f(xs, n):\n    n += 1\n    return {}\n",
        "xs[1:]",
        {"xs[1:-1]", "xs[1:n]", "xs", "xs[:1]"},
    ),
]


@pytest.mark.parametrize(("operator", "text", "fragment", "others"), EXPRESSIONS, ids=[each[2] for each in EXPRESSIONS])
def test_an_operator_of_expressions_gives_what_may_be_meant(operator, text, fragment, others):
    whole = text.replace("{}", fragment)
    at = site(whole, fragment)
    assert {text.replace("{}", other) for other in others} <= edited(at, operator(at)).keys()


def test_adding_nothing_is_left_to_the_operator_that_drops_the_operand():
    at = site("def f(n):\n    return n + 1\n", "1")
    assert not [idea for idea in atoms.numbers(at, 1) if idea.text == "0"]


@given(st.text(max_size=20), st.sampled_from(["'", '"']))
def test_a_quoted_text_reads_as_it_was_meant(text, quote):
    literal = atoms.quoted(text, quote)
    assert ast.literal_eval(literal) == text
    if quote not in text and "'" not in text and "\\" not in repr(text):
        assert literal[0] == quote


@given(st.text(max_size=80), st.text(max_size=80))
def test_likeness_is_a_share_and_whole_for_the_same(one, other):
    assert 0 <= atoms.likeness(one, other) <= 1
    assert atoms.likeness(one, one) == bool(one)


def test_only_a_range_has_bounds_and_only_a_function_of_the_file_wants_more():
    at = site("def f(n):\n    return g(n)\n", "g(n)")
    assert not list(calls.ranges(at, at.node))
    assert not list(calls.more_arguments(at, at.node))


def test_an_index_may_be_past_the_end():
    at = site("def f(xs, i):\n    if xs[i] > 1:\n        pass\n", "xs[i] > 1")
    assert conditions.bounds(at) == ["i < len(xs)", "i in xs", "i >= 0"]


def test_conditions_of_the_rest_of_the_file_are_borrowed_where_their_names_are_known():
    text = "def f(x, y):\n    if True:\n        y()\n\n\ndef g(x, z):\n    if x.late:\n        x(z if z else 1)\n"
    tests = conditions.elsewhere(site(text, "True"))
    assert {"x.late", "callable(x)", "x > y"} <= tests.keys()
    assert "z" not in tests
    assert tests["x.late"] > tests["x > y"]


def test_names_that_hold_the_same_come_first():
    text = "def f(total, totals, size):\n    total += 1\n    size += 1\n    totals.append(1)\n    return total\n"
    ranked = dict(names.similar_names(site(text, "total"), "total"))
    assert ranked["size"] >= 0.8
    assert ranked["totals"] < 0.8
    assert "total" not in ranked


NUMBERS = [("n", True), ("len(xs)", True), ("xs.count(1)", True), ("g(n)", False), ("xs", True), ("str(n)", False)]


@pytest.mark.parametrize(("fragment", "numeric"), NUMBERS)
def test_what_may_be_a_number(fragment, numeric):
    at = site(f"def f(xs, n):\n    n += 1\n    return {fragment}\n", fragment)
    assert operators.numeric(at) is numeric


def test_bounds_and_indices_are_off_by_one_more_often_than_what_is_passed_on():
    text = "def f(xs, n):\n    a = xs[n:]\n    return a if n > len(xs) else g(n, k)\n"
    weights = [operators.off_by_one_weight(site(text, fragment)) for fragment in ("n", "len(xs)", "k")]
    assert weights == [1.0, 0.9, 0.4]


BRANCHES = "def f(n):\n    if n > 3:\n        a = 1\n    elif n > 9:\n        b = 2\n    return n\n"
ELSE = "def f(n):\n    if n:\n        a = 1\n    else:\n        b = 2\n    return n\n"
SIMPLE = "def f(n):\n    if n:\n        a = 1\n    b = 2\n    c = 3\n"
STATEMENTS = [
    (
        statements.exchanged_branches,
        ELSE,
        "if n:\n        a = 1\n    else:\n        b = 2",
        "def f(n):\n    if n:\n        b = 2\n    else:\n        a = 1\n    return n\n",
    ),
    (
        statements.reordered_branches,
        BRANCHES,
        BRANCHES[14:-14].rstrip(),
        "def f(n):\n    if n > 9:\n        b = 2\n    elif n > 3:\n        a = 1\n    return n\n",
    ),
    (
        statements.added_else,
        SIMPLE,
        "if n:\n        a = 1",
        "def f(n):\n    if n:\n        a = 1\n    else:\n        a += 1\n    b = 2\n    c = 3\n",
    ),
    (
        statements.keywords,
        SIMPLE,
        "if n:\n        a = 1",
        "def f(n):\n    while n:\n        a = 1\n    b = 2\n    c = 3\n",
    ),
    (statements.deletions, SIMPLE, "b = 2", "def f(n):\n    if n:\n        a = 1\n    c = 3\n"),
    (statements.deletions, SIMPLE, "a = 1", "def f(n):\n    if n:\n        pass\n    b = 2\n    c = 3\n"),
    (
        statements.deletions,
        SIMPLE,
        "if n:\n        a = 1",
        "def f(n):\n    a = 1\n    b = 2\n    c = 3\n",
    ),
    (statements.moves, SIMPLE, "b = 2", "def f(n):\n    if n:\n        a = 1\n    c = 3\n    b = 2\n"),
    (statements.moves, SIMPLE, "b = 2", "def f(n):\n    if n:\n        a = 1\n        b = 2\n    c = 3\n"),
]


@pytest.mark.parametrize(("operator", "text", "fragment", "right"), STATEMENTS)
def test_an_operator_of_statements_gives_what_may_be_meant(operator, text, fragment, right):
    at = site(text, fragment)
    assert right in edited(at, operator(at, at.node))


def test_a_branch_that_has_another_gets_no_second_one():
    at = site(ELSE, "if n:\n        a = 1\n    else:\n        b = 2")
    assert not list(statements.added_else(at, at.node))
    assert not list(statements.reordered_branches(at, at.node))


def test_an_error_that_a_failing_test_expects_may_be_what_the_other_branch_lacks():
    at = site(SIMPLE, "if n:\n        a = 1", Hints(raises=("KeyError",)))
    added = edited(at, statements.added_else(at, at.node))
    assert "def f(n):\n    if n:\n        a = 1\n    else:\n        raise KeyError\n    b = 2\n    c = 3\n" in added
