"""What is asked of a node before it is edited."""

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
