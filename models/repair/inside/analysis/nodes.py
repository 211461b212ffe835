"""Syntax tree queries of edits: the lines of a node, its block as text, whether it is a condition."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from .source import Code


def arguments(function: ast.AST) -> list[ast.arg]:
    a: ast.arguments = function.args  # pyright: ignore[reportAttributeAccessIssue]
    return [*a.posonlyargs, *a.args, *a.kwonlyargs, *([a.vararg] if a.vararg else []), *([a.kwarg] if a.kwarg else [])]


def suspicious_line(node: ast.AST, weights: Mapping[int, float]) -> int:
    """The most suspicious line that an expression or a statement's head stands on; 0 when there is none."""
    first: int = node.lineno  # pyright: ignore[reportAttributeAccessIssue]
    last: int = node.end_lineno or first  # pyright: ignore[reportAttributeAccessIssue]
    body = getattr(node, "body", None)
    if isinstance(node, ast.stmt) and isinstance(body, list):
        last = max(first, body[0].lineno - 1)
    best = max(range(first, last + 1), key=lambda line: weights.get(line, 0.0)) if last > first else first
    return best if weights.get(best) else 0


def is_condition(code: Code, node: ast.AST) -> bool:
    parent = code.parents.get(node)
    return isinstance(parent, (ast.If, ast.While, ast.IfExp, ast.Assert)) and parent.test is node


def whole(code: Code, statement: ast.stmt) -> tuple[int, int, str] | None:
    """Range of a statement's own lines, and its indentation; None when it shares a line."""
    start, end = code.span(statement)
    first = code.line_start(start)
    indent = code.text[first:start]
    last = code.line_end(end)
    rest = code.text[end:last].strip()
    if indent.strip() or (rest and not rest.startswith("#")):
        return None
    return first, last, indent


def reindented(text: str, old: str, new: str) -> str:
    """Move a block of lines from one indentation to another."""
    lines = text.splitlines(keepends=True)
    return "".join(new + line[len(old) :] if line.startswith(old) else line for line in lines)


def docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def body_of(code: Code, block: list[ast.stmt]) -> tuple[str, str] | None:
    first, last = whole(code, block[0]), whole(code, block[-1])
    return (code.text[first[0] : last[1]], first[2]) if first and last else None
