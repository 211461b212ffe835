"""Hot patching of default arguments: what differs in nothing else needs no new import."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from .source import FUNCTIONS, Function

LiveFunctions = Callable[[Function], "list[FunctionType]"]
"""The live functions that were made by a definition of the old text."""
Change = tuple[FunctionType, Any, Any]
"""A function with its new ``__defaults__`` and ``__kwdefaults__``."""


def redefaulted(old: str, new: str, live: LiveFunctions) -> list[Change] | None:
    """The functions whose defaults differ, when nothing else does; None when it does, or when they cannot be made."""
    try:
        before, after = ast.parse(old), ast.parse(new)
    except (SyntaxError, ValueError):
        return None
    pairs = list(zip(_functions(before), _functions(after)))  # noqa: B905 - Python 3.9
    changed = [(one, other) for one, other in pairs if _dumped(one.args) != _dumped(other.args)]
    changes: list[Change] = []
    for one, other in changed:
        for function in live(one):
            values = _evaluated(other.args, function)
            if values is None:
                return None
            changes.append((function, *values))
        # With the same defaults the two texts must be equal, or something else was changed as well.
        other.args.defaults, other.args.kw_defaults = one.args.defaults, one.args.kw_defaults
    return changes if changes and ast.dump(before) == ast.dump(after) else None


def _functions(tree: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, FUNCTIONS))


def _dumped(arguments: ast.arguments) -> list[str]:
    return [ast.dump(default) for default in (*arguments.defaults, *arguments.kw_defaults) if default is not None]


def _evaluated(arguments: ast.arguments, function: FunctionType) -> tuple[Any, Any] | None:
    names = [argument.arg for argument in arguments.kwonlyargs]
    try:
        plain = tuple(_value(default, function) for default in arguments.defaults)
        named = {
            name: _value(default, function)
            for name, default in zip(names, arguments.kw_defaults)  # noqa: B905 - Python 3.9
            if default is not None
        }
    except Exception:  # noqa: BLE001 - evaluating foreign expressions may raise anything
        return None
    return plain or None, named or None


def _value(default: ast.expr, function: FunctionType) -> Any:
    return eval(compile(ast.Expression(default), "<default>", "eval"), function.__globals__)  # noqa: S307 - in the sandbox
