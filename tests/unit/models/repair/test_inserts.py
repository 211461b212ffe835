"""Insertion operators alone: statements that a function may lack."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.repair.inside.analysis.facts import Hints
from models.repair.inside.analysis.history import Template
from models.repair.inside.edits import inserts, lost
from tests.unit.models.repair.editing import edited, scope, site

SEARCH = (
    "def f(graph, node):\n    seen = set()\n    if node in seen:\n        return\n    for n in graph:\n        f(n)\n"
)
CLASS = """class Shelf:
    limit = 3
    size: int = 0

    def __init__(self, room):
        self.books = []
        self.last = now()

    def put(self, book, *, room=None, **options):
        self.books.append(book)
        self._room.open(limit)
        return self.count

    def clear(self):
        self.books = []
"""


def test_what_is_asked_for_and_never_put_there_is_marked():
    marks = inserts.marks(scope(SEARCH, "f"), ["node", "seen"])
    assert marks["seen.add(node)"] == 0.55
    assert marks["seen.add(node)"] > marks["seen.append(node)"] > marks["seen.remove(node)"]


def test_what_is_looked_up_is_stored_and_what_an_object_counts_is_counted_on():
    updates = inserts.updates(scope("def f(n, memo):\n    r = 1\n    return memo[n]\n", "f"), ["r", "memo", "n"])
    assert updates["memo[n] = r"] > updates["memo[n] += 1"]
    assert "self.books += book" in inserts.updates(scope(CLASS, "put"), ["book"])


def test_the_last_group_of_a_loop_is_passed_on_behind_it():
    text = "def f(xs):\n    part = []\n    for x in xs:\n        part = g(x)\n        yield part\n"
    inside = scope(text, "f")
    loop = inside.body[-1]
    behind, before = inserts.leftovers(inside, loop, last=True), inserts.leftovers(inside, loop, last=False)
    assert behind["if part:\n    yield part"] > before["if part:\n    yield part"]


@pytest.mark.parametrize(("fragment", "inside"), [("a = 1", True), ("b = 2", False), ("c = 3", False)])
def test_a_function_inside_a_loop_is_in_none(fragment, inside):
    text = "for x in y:\n    a = 1\n\n    def f():\n        b = 2\n\n\nc = 3\n"
    at = site(text, fragment)
    assert inserts.in_loop(at.code, at.node) is inside


def test_a_statement_of_the_same_function_comes_once_more_but_not_beside_itself():
    text = "def f(a):\n    g(a)\n    h(a)\n    if a:\n        k(a)\n"
    at = site(text, "k(a)")
    block = at.code.block(at.node)
    texts = edited(at, inserts.copies(at.scope, block, 1, len(text), ("", "        ")))
    assert text + "        g(a)\n" in texts
    assert text + "        k(a)\n" not in texts


def test_a_name_that_is_read_and_never_set_comes_from_options_the_class_or_neutral_values():
    inside = scope(CLASS, "put")
    assert inserts.class_attributes(inside) == ["self.limit", "self.size"]
    assert "limit = options.pop('limit', self.limit)" in inserts.picked(inside, "limit")
    settings = inserts.settings(inside, "limit")
    assert {"limit = None", "limit = book", "limit = self.books", "limit = len(book)"} <= settings.keys()
    assert settings["limit = options.pop('limit', self.limit)"] < settings["limit = book.limit"]


def test_a_mined_guard_stands_where_a_block_begins_or_behind_what_it_asks_about():
    text = "def f(bill):\n    a = 1\n    b = 2\n"
    guard = Template("if b.closed:\n    return", frozenset("b"), guard=True)
    inside = scope(text, "f", Hints(history=(guard,)))
    places = [bool(inserts.mined_guards(inside, inside.body, place, first=place == 0)) for place in range(3)]
    assert places == [True, False, True]


def test_what_a_constructor_is_given_and_the_class_reads_is_stored():
    text = "class A:\n    def __init__(self, x, y):\n        pass\n\n    def f(self):\n        return self._x\n"
    assert lost.initialisations(scope(text, "__init__")) == ["self._x = x"]
    assert lost.initialisations(scope("def f(x):\n    pass\n", "f")) == []


def test_what_other_methods_set_is_set_here():
    assert "self.books = []" in lost.shared_assignments(scope(CLASS, "put"))


def test_parameters_are_normalised_flags_set_and_counts_raised():
    text = "def now():\n    pass\n\n\ndef f(x, xs):\n    n = 0\n    n += 1\n"
    conversions = lost.conversions(scope(text, "f"))
    assert {"n = True", "x = str(x)", "x = now()", "n += len(xs)"} <= {*conversions}


def test_what_a_function_computes_goes_into_its_result():
    collected = lost.collected(scope("def f(xs):\n    out = []\n    g(xs, '')\n    return out\n", "f"))
    assert {"out.append('')", "out.append(g(xs, ''))", "out.extend(xs)"} <= {*collected}


@given(st.lists(st.sampled_from(["a", "b", "c", "d"]), unique=True))
def test_every_pair_of_names_is_combined_by_every_operator_and_each_text_is_python(names):
    texts = lost.combined(names)
    assert len(texts) == len(set(texts)) == 10 * len(names) * max(0, len(names) - 1)
    for text in texts:
        ast.parse(text, mode="eval")
