"""Edit sites: a node with the scope around it, and replacements of it that keep the precedence of operators."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from .scope import Scope
from .source import Code

_BINARY: dict[type[ast.AST], int] = {
    ast.BitOr: 5,
    ast.BitXor: 6,
    ast.BitAnd: 7,
    ast.LShift: 8,
    ast.RShift: 8,
    ast.Add: 9,
    ast.Sub: 9,
    ast.Mult: 10,
    ast.Div: 10,
    ast.FloorDiv: 10,
    ast.Mod: 10,
    ast.MatMult: 10,
    ast.Pow: 12,
}
_ATOM = 14
_SUM = 9


class Idea(NamedTuple):
    """One edit that may be the repair. ``weight`` is its prior among all edits, 0 to 1."""

    kind: str
    weight: float
    start: int
    end: int
    text: str


Ideas = Iterator[Idea]


def binding(node: ast.AST) -> int:
    """How strongly an expression binds (the language reference's table, atoms highest)."""
    if isinstance(node, ast.BinOp):
        return _BINARY[type(node.op)]
    if isinstance(node, ast.UnaryOp):
        return 3 if isinstance(node.op, ast.Not) else 11
    if isinstance(node, ast.BoolOp):
        return 1 if isinstance(node.op, ast.Or) else 2
    if isinstance(node, (ast.Lambda, ast.IfExp, ast.NamedExpr, ast.Yield, ast.YieldFrom, ast.Starred)):
        return 0
    if isinstance(node, ast.Compare):
        return 4
    return 13 if isinstance(node, ast.Await) else _ATOM


@lru_cache(maxsize=20_000)  # the same ingredients are tried at place after place, and each would be parsed again
def binding_of(text: str) -> int:
    """``binding`` of an expression's text; a bare tuple binds weakest."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return -1
    if isinstance(node, ast.Tuple) and not text.startswith("("):
        return -1
    if isinstance(node, ast.GeneratorExp) and not text.startswith("("):
        return -1
    return binding(node)


def needed_binding(parent: ast.AST, node: ast.AST) -> int:
    """The weakest binding that may stand where ``node`` stands without parentheses."""
    if isinstance(parent, ast.BinOp):
        # The operand that the operator does not associate with; ``**`` alone groups from the right.
        return binding(parent) + (node is (parent.left if isinstance(parent.op, ast.Pow) else parent.right))
    if isinstance(parent, ast.UnaryOp):
        return binding(parent)
    if isinstance(parent, ast.Compare):
        return 5
    if isinstance(parent, ast.BoolOp):
        return binding(parent) + 1
    if isinstance(parent, ast.IfExp):
        return 1
    if (
        isinstance(parent, ast.Await)
        or (isinstance(parent, (ast.Attribute, ast.Subscript)) and node is parent.value)
        or (isinstance(parent, ast.Call) and node is parent.func)
    ):
        return _ATOM
    return 0


class Site:
    """One node with the scope around it."""

    def __init__(self, code: Code, scope: Scope, node: ast.AST) -> None:
        self.code, self.scope, self.node = code, scope, node
        self.start, self.end = code.span(node)
        self.text = code.text[self.start : self.end]
        self.parent = code.parents.get(node)

    def idea(self, kind: str, weight: float, text: str) -> Idea:
        """Replace the whole node by an expression, in parentheses where the place needs them."""
        return Idea(kind, weight, self.start, self.end, self.fit(text))

    def at(self, kind: str, weight: float, node: ast.AST, text: str) -> Idea:
        """Replace a part of this node by an expression."""
        return Site(self.code, self.scope, node).idea(kind, weight, text)

    def raw(self, kind: str, weight: float, span: tuple[int, int], text: str) -> Idea:
        """Replace a range of text as it is."""
        return Idea(kind, weight, span[0], span[1], text)

    def fit(self, text: str) -> str:
        """Put parentheses around ``text`` if it needs them here."""
        if self.parent is None or isinstance(self.parent, ast.stmt):
            return text
        # The node's own parentheses are no part of it, and stay.
        around = self.code.text
        if around[self.start - 1 : self.start] == "(" and around[self.end : self.end + 1] == ")":
            return text
        bound = binding_of(text)
        return f"({text})" if bound < needed_binding(self.parent, self.node) else text

    def of(self, node: ast.AST) -> str:
        return self.code.of(node)


def operand(text: str, least: int = _SUM) -> str:
    """``text`` as an operand of an operator that binds at least so strongly."""
    return text if binding_of(text) >= least else f"({text})"


def plus(text: str, other: str) -> str:
    return f"{operand(text)} + {operand(other, _SUM + 1)}"


def minus(text: str, other: str) -> str:
    return f"{operand(text)} - {operand(other, _SUM + 1)}"


def negated(text: str) -> str:
    """The opposite condition, written simply."""
    if text.startswith("not ") and binding_of(text) == 3:  # noqa: PLR2004
        return text[4:]
    return f"not {operand(text, 4)}"
