"""What edits are made of: names, donor code, literals of tests, templates of the history."""

import ast
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.repair.inside.analysis.donors import argument, renamed, signature
from models.repair.inside.analysis.facts import bindings
from models.repair.inside.analysis.hints import literals
from models.repair.inside.analysis.history import changed_statements, template_statement
from models.repair.inside.analysis.scope import bound_names, conditions
from models.repair.inside.analysis.site import Site, binding_of, needed_binding
from models.repair.inside.analysis.source import Code, tokenizer_lines
from models.repair.inside.analysis.suspects import filled_name, module_names
from tests.unit.models.repair.editing import site

BINDINGS = [
    ("def f(): pass", ["f"]),
    ("class A: x = 1", ["A"]),
    ("import a.b, c as d", ["a", "d"]),
    ("from m import n as o, p", ["o", "p"]),
    ("from m import *", []),
    ("a, (b, *c) = x", ["a", "b", "c"]),
    ("for i in x: y = i", ["i", "y"]),
    ("__all__ = ['a']", []),
]


@pytest.mark.parametrize(("text", "names"), BINDINGS)
def test_the_names_that_a_statement_binds(text, names):
    assert bindings(ast.parse(text).body[0]) == names


def test_what_a_test_names_is_told_apart():
    text = """def test_f():
    with pytest.raises(errors.Late):
        f("at noon", 3, True)
    assert f(2.5) == "-"
"""
    strings, numbers, raises = literals(ast.parse(text))
    assert {*strings} == {"at noon", "noon", "-"}
    assert {*numbers} == {"3", "2.5"}
    assert raises == ["errors.Late"]


STATEMENTS = [
    ("x = 1", True),
    ("if x:\n    return 1", True),
    ("if x:\n    a = 1\n    b = 2", False),
    ("if x:\n    return 1\nelse:\n    return 2", False),
    ("x", False),
    ("'text'", False),
    ("f(x)", True),
    ("await f(x)", True),
    ("a = 1\nb = 2", False),
    ("def f(): pass", False),
    ("if x:", False),
    (f"x = '{'y' * 200}'", False),
]


@pytest.mark.parametrize(("text", "worth"), STATEMENTS)
def test_a_template_is_one_simple_statement_or_guard(text, worth):
    assert (template_statement(text) is not None) is worth


def test_a_statement_on_lines_of_both_sides_is_no_template():
    lines = ["    a = f(x)", "    if x.late:", "        return a", "    log(len(a))"]
    templates = list(changed_statements(lines, {"    a = f(x)"}))
    assert [each.text for each in templates] == ["if x.late:\n    return a", "log(len(a))"]
    assert [each.guard for each in templates] == [True, False]
    assert templates[1].names == {"log", "a"}


@pytest.mark.parametrize(
    ("name", "expected"),
    [("free", ("free", "", ("a", "b"), 1)), ("method", ("method", "A", ("b",), 1)), ("bare", ("bare", "A", ("b",), 0))],
)
def test_how_a_function_is_called(name, expected):
    text = (
        "def free(a, b=1): pass\n\n"
        "class A:\n    def method(self, b): pass\n    @staticmethod\n    def bare(b=2): pass\n"
    )
    code = Code("x.py", text)
    node = next(n for n in ast.walk(code.tree) if isinstance(n, ast.FunctionDef) and n.name == name)
    assert signature(code, node) == expected


WORDS = st.sampled_from(["is", "upper", "lower", "get"])


@given(st.lists(WORDS, min_size=1, max_size=3), st.lists(WORDS, min_size=1, max_size=3))
def test_a_text_is_renamed_where_one_word_of_two_function_names_differs(there, here):
    text = f"s.{'_'.join(there)}()"
    differ = [place for place, (one, other) in enumerate(zip(there, here, strict=False)) if one != other]
    texts = renamed(text, "_".join(there), "_".join(here))
    if len(there) == len(here) and len(differ) == 1:
        assert texts == [text.replace(there[differ[0]], here[differ[0]])]
    else:
        assert texts == []


def test_an_argument_is_named_like_its_parameter():
    assert argument("a", ["a", "b"], {"self.a"}, "self") == "a"
    assert argument("c", ["a"], {"self._c"}, "self") == "self._c"
    assert argument("d", ["a"], {"self._c"}, "self") is None


def test_names_are_bound_by_assignments_definitions_and_lambdas():
    body = ast.parse("a = 1\nfor b in x:\n    c: int = 2\ndef d(): pass\ne = lambda f: f\n").body
    nodes = [node for statement in body for node in ast.walk(statement)]
    assert sorted(bound_names(nodes)) == ["a", "b", "c", "d", "e", "f"]


def test_what_a_function_asks_comes_whole_and_in_parts():
    code = Code("x.py", "if a and b > 1:\n    x = 1 if c else 2\nwhile (d\n       > 1):\n    pass\n")
    assert sorted(conditions(code, ast.walk(code.tree))) == ["a", "a and b > 1", "b > 1", "c"]


EXPRESSION = st.recursive(
    st.sampled_from(["a", "b"]),
    lambda inner: st.one_of(
        st.builds("({}) {} ({})".format, inner, st.sampled_from(["+", "*", "**", "-", "or", "and", "<"]), inner),
        st.builds("not ({})".format, inner),
        st.builds("-({})".format, inner),
        st.builds("({}) if ({}) else ({})".format, inner, inner, inner),
    ),
    max_leaves=5,
)


PLACES = """
h + b;b - h;h * b;b ** h;h ** b;not h;-h;h < b;b in h;h or b;b and h;h if b else c;b if h else c;b if c else h
h.x;h[0];b[h];h(b);f(h);[h, b]
"""


@given(st.sampled_from(re.split(r"[;\n]", PLACES.strip())), EXPRESSION)
def test_a_replacement_means_the_same_as_in_parentheses(place, text):
    def tree(expression: str) -> str:
        return ast.dump(ast.parse(expression, mode="eval"))

    at = site(f"x = {place}\n", "h")
    parent = at.parent
    assert parent is not None
    assert (at.fit(text) != text) == (binding_of(text) < needed_binding(parent, at.node))
    assert tree(place.replace("h", at.fit(text))) == tree(place.replace("h", f"({text})"))


@pytest.mark.parametrize(
    ("fragment", "text", "fitted"),
    [("a", "x + y", "(x + y)"), ("a", "x * y", "x * y"), ("b", "x + y", "(x + y)"), ("c.d", "x or y", "x or y")],
)
def test_a_replacement_gets_parentheses_where_its_place_needs_them(fragment, text, fitted):
    at: Site = site("def f(a, b, c):\n    return g(a * b, c.d)\n", fragment)
    assert at.fit(text) == fitted


@given(st.text("ab\n\r\f\x0b\u2028", max_size=30))
def test_lines_are_those_of_the_tokenizer_and_none_is_lost(text):
    lines = tokenizer_lines(text)
    assert "".join(lines) == text
    assert all("\n" not in line[:-1] for line in lines)
    assert len(lines) == 1 + len([*re.finditer(r"\r\n|\r|\n", text)])


FILLED = [
    ("RULES.append(x)", "RULES"),
    ("TABLE[k] = v", "TABLE"),
    ("x = 1", None),
    ("f(x)", None),
    ("a.b.append(x)", None),
    ("x[1][2] = 3", None),
]


@pytest.mark.parametrize(("text", "name"), FILLED)
def test_what_a_statement_puts_something_into(text, name):
    (node,) = ast.parse(text).body
    assert isinstance(node, ast.Expr | ast.Assign)
    assert filled_name(node) == name


def test_names_of_a_module_are_those_it_assigns_or_imports_from_another():
    text = "import os\nfrom m import a as b\nC = 1\nD: int = 2\n\ndef f():\n    E = 3\n"
    assert module_names(Code("x.py", text)) == {"b", "C", "D"}
