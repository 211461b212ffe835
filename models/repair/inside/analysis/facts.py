"""Ingredients of a whole file (names, attributes, strings, exception types), and those that failing tests name."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass, field

from .donors import Donors
from .history import Template
from .source import FUNCTIONS, Code


@dataclass(frozen=True)
class Hints:
    """Ingredients from the failing tests themselves: what a test expects mostly is in its own text."""

    strings: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    raises: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    """Everything that they ask for by name: functions, attributes, and what a failure says is not there."""
    history: tuple[Template, ...] = ()
    """Statements that the repository's people added or took away lately."""


@dataclass
class Facts:
    """What a whole file says, gathered once."""

    globals: list[str] = field(default_factory=list)
    functions: dict[str, int] = field(default_factory=dict)
    attributes: dict[str, Counter[str]] = field(default_factory=dict)
    every_attribute: Counter[str] = field(default_factory=Counter)
    methods: dict[str, list[str]] = field(default_factory=dict)
    strings: list[str] = field(default_factory=list)
    raises: list[str] = field(default_factory=list)
    excepts: list[str] = field(default_factory=list)
    keywords: dict[str, set[str]] = field(default_factory=dict)
    calls: list[tuple[str, set[str]]] = field(default_factory=list)
    """Calls that are statements of their own, with the names they read."""
    donors: Donors = field(default_factory=lambda: Donors(Code("", "")))


def facts(code: Code) -> Facts:
    """Read a file once for names, attributes, strings and exception types."""
    result = Facts(donors=Donors(code))
    for node in ast.walk(code.tree):
        _note(code, result, node)
    result.globals = list(dict.fromkeys(name for node in code.tree.body for name in bindings(node)))
    result.strings = list(dict.fromkeys(result.strings))
    return result


def _note(code: Code, table: Facts, node: ast.AST) -> None:
    if isinstance(node, ast.Attribute):
        table.attributes.setdefault(code.of(node.value), Counter())[node.attr] += 1
        table.every_attribute[node.attr] += 1
    elif isinstance(node, FUNCTIONS):
        table.functions[node.name] = len(node.args.args)
        parent = code.parents.get(node)
        if isinstance(parent, ast.ClassDef):
            table.methods.setdefault(parent.name, []).append(node.name)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 80:  # noqa: PLR2004
        if not isinstance(code.parents.get(node), ast.Expr):  # no docstring
            table.strings.append(node.value)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and node.lineno == node.end_lineno:
        names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
        table.calls.append((code.of(node), names))
    elif isinstance(node, ast.Raise) and node.exc is not None:
        name = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        table.raises.append(code.of(name))
    elif isinstance(node, ast.ExceptHandler) and node.type is not None:
        table.excepts.append(code.of(node.type))
    elif isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute)):
        name = node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        table.keywords.setdefault(name, set()).update(k.arg for k in node.keywords if k.arg)


def bindings(node: ast.stmt) -> list[str]:
    """Names that a statement of the module binds; ``__all__`` is for importers, no edit reads it."""
    if isinstance(node, (*FUNCTIONS, ast.ClassDef)):
        return [node.name]
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return [(name.asname or name.name).split(".")[0] for name in node.names if name.name != "*"]
    return [
        n.id for n in ast.walk(node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store) and n.id != "__all__"
    ]


def number(node: ast.AST) -> bool:
    """Whether a node is a number as it is written; ``True`` is none."""
    if isinstance(node, ast.UnaryOp):
        return number(node.operand)
    return isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) and not isinstance(node.value, bool)


def call_name(node: ast.AST) -> str:
    """The last name of what is called: ``f`` for ``f()`` and ``x.f()``; empty for anything else."""
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            return node.func.id
        if isinstance(node.func, ast.Attribute):
            return node.func.attr
    return ""
