"""Which lines are looked at first."""

from hypothesis import given
from hypothesis import strategies as st

from models.repair.inside.analysis.source import Code
from models.repair.inside.analysis.suspects import boosted, filling, indirect, mentioned, ochiai, spread

COVERAGE = st.dictionaries(st.sampled_from(["a.py", "b.py"]), st.lists(st.integers(1, 6), unique=True), max_size=2)


@given(st.lists(COVERAGE, min_size=1, max_size=4), st.lists(COVERAGE, max_size=4))
def test_weights_lie_between_zero_and_one_and_cover_what_failing_tests_ran(failed, passed):
    weights = ochiai(failed, passed)
    assert all(0 < weight <= 1 for table in weights.values() for weight in table.values())
    ran = {(path, line) for coverage in failed for path, lines in coverage.items() for line in lines}
    assert {(path, line) for path, table in weights.items() for line in table} == ran


@given(st.lists(COVERAGE, min_size=1, max_size=4), st.lists(COVERAGE, max_size=4))
def test_another_passing_test_never_makes_a_line_more_suspicious(failed, passed):
    before, after = ochiai(failed, passed), ochiai(failed, [*passed, {"a.py": [1, 2, 3]}])
    assert all(after[path][line] <= weight for path, table in before.items() for line, weight in table.items())


def test_lines_of_failing_tests_only_come_first():
    weights = ochiai([{"a.py": [1, 2]}], [{"a.py": [1]}, {"a.py": [1, 3]}])
    assert weights["a.py"][2] == 1.0
    assert weights["a.py"][1] < weights["a.py"][2]
    assert 3 not in weights["a.py"]


def test_tracebacks_and_suspects_raise_lines():
    flat = {"a.py": {1: 0.5, 2: 0.5}, "b.py": {1: 0.5}}
    raised = boosted(flat, [[("a.py", 1), ("a.py", 2)]], ["b.py"])
    assert raised["a.py"][2] == 1.0
    assert raised["a.py"][1] < raised["b.py"][1] < raised["a.py"][2]


TEXT = (
    "LIMIT = [\n    3,\n]\nOTHER = 1\n\n\n"
    "def f(n, much=2):\n    if (\n        n > LIMIT\n    ):\n        return n\n    return much\n"
)


def test_constants_and_defaults_inherit_from_the_lines_that_use_them():
    code = Code("a.py", TEXT)
    table = spread(code, {8: 0.8, 9: 0.8, 11: 0.4})
    words = mentioned({"a.py": table}, {"a.py": code}).of("a.py")
    more = indirect(code, table, words, filling(code, words))
    assert table[10] == 0.8
    assert more[1] == more[2] > 0
    assert more[7] > 0
    assert 4 not in more


def test_what_fills_a_table_at_import_is_suspected_with_those_who_read_it():
    text = """RULES = []

def add(rule, n):
    made = rule * n
    RULES.append(
        made,
    )

def use(x):
    return RULES[x]

def other(x):
    x.append(1)

add("a", 2)
"""
    code = Code("a.py", text)
    table = {10: 1.0}
    words = mentioned({"a.py": table}, {"a.py": code}).of("a.py")
    assert set(filling(code, words)) == {4, 5, 6, 7}
    more = indirect(code, table, words, filling(code, words))
    assert more[4] < more[5] == more[6] < more[1] < 1
