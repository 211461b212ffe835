"""Every error code is documented, with the exit status and the HTTP status it really has."""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache

import pytest

from domain import SignoffError
from tests.architecture.codes import Coded, coded, texts
from tests.architecture.tree import ROOT, module_name, modules, name_of, parsed

ROW = re.compile(r"^\| `(?P<code>\w+)` \| (?P<exit>[\d–]+) \| (?P<http>[\d, –]+) \| (?P<means>.+) \| (?P<do>.+) \|$")
PAGE = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
ROWS = {found["code"]: found for line in PAGE.splitlines() if (found := ROW.match(line))}


@cache
def codes() -> tuple[Coded, ...]:
    return tuple(coded())


def known_codes() -> set[str]:
    return {each.code for each in codes()}


def family(cls: type[SignoffError]) -> Iterator[type[SignoffError]]:
    yield cls
    for child in cls.__subclasses__():
        yield from family(child)


def classes() -> dict[str, type[SignoffError]]:
    """Every error class of the house, by name."""
    for path in modules():
        if any(isinstance(node, ast.ClassDef) for node in parsed(path).body) and "inside" not in path.parts:
            importlib.import_module(module_name(path))
    return {cls.__name__: cls for cls in family(SignoffError)}


def test_every_code_is_documented():
    assert sorted(known_codes() - set(ROWS)) == [], "add a row to docs/errors.md"


def test_every_documented_code_exists():
    assert sorted(set(ROWS) - known_codes()) == [], "take the row out of docs/errors.md"


def test_the_page_has_no_other_rows():
    odd = [line for line in PAGE.splitlines() if line.startswith("| `") and not ROW.match(line)]
    assert odd == []


def test_the_page_says_how_a_code_leaves_the_house():
    known, wrong = classes(), set()
    for each in codes():
        cls, row = known.get(each.raised), ROWS.get(each.code)
        if cls is None or row is None:
            continue
        if row["exit"] != str(cls.exit_status) or str(cls.http_status) not in row["http"].split(", "):
            wrong.add(f"{each.code}: exit {cls.exit_status}, HTTP {cls.http_status} ({each.where})")
    assert sorted(wrong) == []


@pytest.mark.parametrize("source", ['f(code="x")', 'f(code="x" if y else "z")', 'f(code=y or "x")'])
def test_codes_are_found_however_they_are_given(source):
    (call,) = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    assert "x" in set(texts(call.keywords[0].value))


def test_every_error_says_what_to_do():
    """Where the house raises an error of its own with a code, it gives a hint, too."""
    names = set(classes()) - {"Transient", "RateLimited"}
    silent = []
    for path in modules():
        for node in ast.walk(parsed(path)):
            if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)):
                continue
            called, given = node.exc.func, {keyword.arg for keyword in node.exc.keywords}
            if isinstance(called, ast.Name) and called.id in names and "code" in given and "hint" not in given:
                silent.append(f"{name_of(path)}:{node.lineno}")
    assert silent == []
