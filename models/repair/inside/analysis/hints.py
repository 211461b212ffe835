"""Ingredients from failing tests: the strings, numbers and exception types that they name."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence

from .facts import Hints
from .history import Template
from .overrides import read
from .source import FUNCTIONS

_STRINGS = 40
_QUOTED = re.compile(r"'(\w+)'")
_NAME = re.compile(r"::(\w+)(?:\[.*\])?$")


def hints(
    tests: Sequence[tuple[str, str]],
    values: Sequence[object] = (),
    messages: Sequence[str] = (),
    history: tuple[Template, ...] = (),
) -> Hints:
    """Read the functions of these tests (id, file); ``values`` are what they held when they failed."""
    strings: list[str] = []
    numbers: list[str] = []
    raises: list[str] = []
    names = {name for message in messages for name in _QUOTED.findall(message)}
    trees: dict[str, ast.AST] = {}
    for name, path in tests:
        function = _NAME.search(name.partition("[")[0])
        try:
            tree = trees.setdefault(path, ast.parse(read(path)))
        except (OSError, SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, FUNCTIONS) and function and node.name == function[1]:
                texts, digits, errors = literals(node)
                strings, numbers, raises = strings + texts, numbers + digits, raises + errors
                names |= {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                names |= {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
    # What the test's variables held when it failed comes last: much of it is no expectation.
    strings += [value for value in values if isinstance(value, str)]
    numbers += [repr(value) for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)]
    return Hints(
        strings=tuple(dict.fromkeys(strings))[:_STRINGS],
        numbers=tuple(dict.fromkeys(numbers))[:_STRINGS],
        raises=tuple(dict.fromkeys(raises)),
        names=frozenset(names),
        history=history,
    )


def literals(test: ast.AST) -> tuple[list[str], list[str], list[str]]:
    """The strings, numbers and expected exception types of a test, in the order of its tree."""
    strings: list[str] = []
    numbers: list[str] = []
    raises: list[str] = []
    for node in ast.walk(test):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            strings.append(node.value)
            # The words of a message, too: a program mostly builds it from parts.
            strings += re.findall(r"[\w-]{3,}", node.value)[:5]
        elif (
            isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool)
        ):
            numbers.append(repr(node.value))
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in ("raises", "assertRaises", "assertRaisesRegex")
        ):
            raises += [ast.unparse(arg) for arg in node.args[:1] if isinstance(arg, (ast.Name, ast.Attribute))]
    return strings, numbers, raises
