"""What the engine generates: valid, minimal edits, and the ones a person would try first."""

import ast
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.repair.inside.analysis.facts import Hints
from models.repair.inside.analysis.project import Files, hull
from models.repair.inside.analysis.site import binding_of, minus, negated, operand, plus
from models.repair.inside.analysis.source import Code
from models.repair.inside.runner.patch import compilable
from models.repair.inside.search.ideas import EditGenerator
from tests.unit.models.repair.editing import repaired

CASES = [
    ("def f(xs):\n    return xs[-1]\n", "def f(xs):\n    return xs[0]\n"),
    ("def f(xs):\n    return xs[:-1 + 1]\n", "def f(xs):\n    return xs[:-1]\n"),
    ("def f(a, b):\n    return a < b\n", "def f(a, b):\n    return a <= b\n"),
    ("def f(a, b):\n    return a - b\n", "def f(a, b):\n    return b - a\n"),
    ("def f(xs):\n    return any(x > 0 for x in xs)\n", "def f(xs):\n    return all(x > 0 for x in xs)\n"),
    (
        "def f(n):\n    for i in range(n):\n        yield i\n",
        "def f(n):\n    for i in range(n + 1):\n        yield i\n",
    ),
    ("def f(a, b):\n    return g(a, b)\n", "def f(a, b):\n    return g(b, a)\n"),
    ("def f(x):\n    if not x:\n        return 1\n", "def f(x):\n    if x:\n        return 1\n"),
    ("def f(t):\n    yield g(t)\n", "def f(t):\n    yield from g(t)\n"),
    ("def f(n):\n    if n.up.x:\n        pass\n", "def f(n):\n    if n.up is None or n.up.x:\n        pass\n"),
    ("def f(best, x):\n    best = x\n    return best\n", "def f(best, x):\n    best = max(best, x)\n    return best\n"),
    ("def f(m, i, j):\n    return m[i, j]\n", "def f(m, i, j):\n    return m[j, i]\n"),
    ("def f(a):\n    while True:\n        a.pop()\n", "def f(a):\n    while a:\n        a.pop()\n"),
    (
        "def f(g, seen, n):\n    if n in seen:\n        return\n    f(g, seen, n)\n",
        "def f(g, seen, n):\n    if n in seen:\n        return\n    seen.add(n)\n    f(g, seen, n)\n",
    ),
    ("X = 3\n\n\ndef f():\n    return X\n", "X = 4\n\n\ndef f():\n    return X\n"),
    ("class A:\n    def f(self, n=1):\n        return n\n", "class A:\n    def f(self, n=0):\n        return n\n"),
    (
        "def f(xs, seen=[]):\n    return seen\n",
        "def f(xs, seen=None):\n    if seen is None:\n        seen = []\n    return seen\n",
    ),
    (
        "class A:\n    xs = []\n\n    def __init__(self):\n        self.n = 1\n",
        "class A:\n    xs = []\n\n    def __init__(self):\n        self.xs = []\n        self.n = 1\n",
    ),
    (
        "def f(n):\n    if n > 3:\n        return 1\n    elif n > 9:\n        return 2\n",
        "def f(n):\n    if n > 9:\n        return 2\n    elif n > 3:\n        return 1\n",
    ),
    (
        "def f(n, out):\n    if n:\n        out.append(1)\n    return out\n",
        "def f(n, out):\n    if n:\n        out.append(1)\n    else:\n        out.append(n)\n    return out\n",
    ),
    ('def f(a, b):\n    return f"{a}-{a}"\n', 'def f(a, b):\n    return f"{a}-{b}"\n'),
    ('def f(a):\n    return f"{a:.1f}"\n', 'def f(a):\n    return f"{a:.2f}"\n'),
    ("def f(t, k):\n    t[k] = t.get(k, 0)\n", "def f(t, k):\n    t[k] = t.get(k, 0) + 1\n"),
    ("def f(t, k, v):\n    t[k] = [v]\n", "def f(t, k, v):\n    t.setdefault(k, []).append(v)\n"),
    ("def f(xs):\n    if xs[0] > 1:\n        return 1\n", "def f(xs):\n    if xs and xs[0] > 1:\n        return 1\n"),
    ("def f(t, k):\n    g(t[k], 1)\n", "def f(t, k):\n    t[k] = g(t[k], 1)\n"),
    ("async def f(x):\n    return g(x)\n", "async def f(x):\n    return await g(x)\n"),
    (
        "def f():\n    n = 0\n\n    def g():\n        n += 1\n    g()\n    return n\n",
        "def f():\n    n = 0\n\n    def g():\n        nonlocal n\n        n += 1\n    g()\n    return n\n",
    ),
    ("def f(xs):\n    return sorted(xs)\n", "def f(xs):\n    return sorted(xs, key=lambda item: item[1])\n"),
    (
        "def f(n, memo):\n    if n in memo:\n        return memo[n]\n    r = f(n, {})\n    return r\n",
        "def f(n, memo):\n    if n in memo:\n        return memo[n]\n    r = f(n, {})\n    memo[n] = r\n    return r\n",
    ),
]


@pytest.mark.parametrize(("broken", "right"), CASES)
def test_the_repair_a_person_would_make_is_among_the_candidates(broken: str, right: str) -> None:
    assert right in repaired(broken)


TEXT = '''\
"""Doc."""
import os


class Box(dict):
    size: int = 3

    def put(self, key, *values, deep=False):
        """Keep."""
        if key in self and (not deep or values[0] is None):
            self[key] = values[1:] + (key,)  # grüße
        elif len(values) > self.size - 1:
            raise KeyError(f"{key} is {values}")
        for place, value in enumerate(sorted(values, key=str)):
            yield place * 2 + 1 if value else -place


def late(x): return [y for y in x if y and y != "ü"]
'''


def test_nearly_every_candidate_is_python() -> None:
    texts = list(repaired(TEXT))
    valid = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for text in texts:
            try:
                compile(text, "x.py", "exec")
            except SyntaxError:
                continue
            valid += 1
    assert len(texts) > 300
    assert valid > 0.95 * len(texts)


@pytest.mark.filterwarnings("ignore::SyntaxWarning")
def test_every_valid_candidate_is_valid_as_the_piece_that_is_compiled_alone(tmp_path) -> None:
    path = tmp_path / "x.py"
    text = TEXT + "\n\ndef first(xs):\n    for x in xs:\n        y = x\n\n\ndef second(z):\n    return z\n"
    path.write_text(text)
    files = Files()
    for candidate in repaired(text):
        try:
            compile(candidate, "x.py", "exec")
        except (SyntaxError, ValueError):
            continue
        for part in files.patch({str(path): candidate}):
            compile(compilable(part)[1], "x.py", "exec")


def test_no_candidate_is_the_text_itself_and_none_comes_twice() -> None:
    code = Code("x.py", TEXT)
    found = EditGenerator(code, Hints()).candidates(lambda _: 1.0, range(1, 30))
    edits = [candidate.idea[2:] for candidate in found]
    assert TEXT not in repaired(TEXT)
    assert len(edits) == len(set(edits))
    assert [candidate.score for candidate in found] == sorted((candidate.score for candidate in found), reverse=True)


def test_docstrings_and_annotations_are_left_alone() -> None:
    texts = repaired(TEXT)
    assert all('"""Doc."""' in text and '"""Keep."""' in text for text in texts)
    assert all("size: int" in text or "size:" not in text for text in texts)


@given(st.text("ab\n", max_size=30), st.text("ab\n", max_size=30))
def test_the_hull_of_two_texts_is_what_differs(old: str, new: str) -> None:
    start, old_end, new_end = hull(old, new)
    assert old[:start] + new[start:new_end] + old[old_end:] == new
    assert old[:start] == new[:start]


@given(st.text("ab", min_size=1), st.integers(0, 20), st.text("ab"))
def test_a_piece_is_whole_statements_around_a_range(name: str, at: int, other: str) -> None:
    text = f"{name} = 1\n\n\ndef {name}x(a):\n    return a\n\n\n{name}{other} = 2\n"
    code = Code("x.py", text)
    start, end, line, _ = code.piece(min(at, len(text) - 1), min(at, len(text) - 1))
    assert start <= min(at, len(text) - 1) <= end
    assert text.count("\n", 0, start) == line - 1
    ast.parse(text[start:end])


EXPRESSIONS = st.sampled_from(
    ["a", "a + b", "a * b", "a or b", "not a", "a < b", "-a", "f(a)", "a if b else c", "lambda: a"]
)


@given(EXPRESSIONS, EXPRESSIONS)
def test_operands_keep_their_meaning(one: str, other: str) -> None:
    def tree(text: str) -> str:
        return ast.dump(ast.parse(text, mode="eval"))

    assert tree(plus(one, other)) == tree(f"({one}) + ({other})")
    assert tree(minus(one, other)) == tree(f"({one}) - ({other})")
    assert operand(one, binding_of(one)) == one
    assert operand(one, 15) == f"({one})"
    assert tree(negated(negated(one))) in (tree(one), tree(f"not (not ({one}))"))
