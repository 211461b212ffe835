"""All candidate edits of one file, ranked."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from . import (
    atoms,
    calls,
    conditions,
    defaults,
    formats,
    inserts,
    jumps,
    names,
    nudges,
    operators,
    statements,
    subscripts,
    values,
)
from .facts import Facts, Hints, facts
from .scope import Scope
from .site import Idea, Ideas, Site
from .source import BLOCKS, FUNCTIONS, Code

Weigher = Callable[[int], float]
"""How suspicious a line is, 0 to 1."""

_EDITS: tuple[tuple[tuple[type[ast.AST], ...], Callable[[Site], Ideas]], ...] = (
    ((ast.Compare,), operators.compares),
    ((ast.BinOp,), operators.binaries),
    ((ast.BoolOp,), operators.booleans),
    ((ast.UnaryOp,), operators.unaries),
    ((ast.IfExp,), operators.choices),
    ((ast.AugAssign,), operators.augmented),
    ((ast.Constant,), atoms.constants),
    ((ast.Name,), names.names),
    ((ast.Attribute,), names.attributes),
    ((ast.Call,), calls.calls),
    ((ast.Subscript,), subscripts.subscripts),
    ((ast.List, ast.Tuple, ast.Set), subscripts.displays),
    ((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), subscripts.comprehensions),
    ((ast.For,), jumps.loops),
    ((ast.stmt,), statements.statements),
    (FUNCTIONS, jumps.decorators),
    (FUNCTIONS, defaults.defaults),
    ((ast.Assign,), defaults.attributes),
    ((ast.JoinedStr,), formats.formats),
    ((ast.Await, ast.Call), jumps.awaits),
    ((ast.Name, ast.Attribute, ast.Call, ast.BinOp, ast.Subscript), nudges.nudges),
    ((ast.expr,), values.wraps),
    ((ast.expr,), values.exchanges),
    ((ast.expr,), values.additions),
    ((ast.BinOp, ast.Call, ast.Subscript), values.turns),
)


class Candidate(NamedTuple):
    """A ranked edit of one file."""

    score: float
    path: str
    line: int
    idea: Idea


class Ideal:
    """Generates the candidates of one file."""

    def __init__(self, code: Code, hints: Hints) -> None:
        self.code, self.hints = code, hints
        self.facts: Facts = facts(code)
        self._scopes: dict[ast.AST, Scope] = {}

    def scope(self, node: ast.AST) -> Scope:
        """The scope of a node, made once per function."""
        function = self.code.function(node)
        key = function or self.code.tree
        if key not in self._scopes:
            self._scopes[key] = Scope(self.code, function, self.facts, self.hints)
        return self._scopes[key]

    def candidates(self, weigh: Weigher, lines: Iterable[int]) -> list[Candidate]:
        """Every edit that touches one of ``lines``, best first, each text once."""
        wanted = set(lines)
        best: dict[tuple[int, int, str], Candidate] = {}
        for line, idea in self._all(wanted):
            if self.code.text[idea.start : idea.end] == idea.text:
                continue
            key = (idea.start, idea.end, idea.text)
            made = Candidate(weigh(line) * idea.weight, self.code.path, line, idea)
            if key not in best or best[key].score < made.score:
                best[key] = made
        return sorted(best.values(), key=lambda candidate: -candidate.score)

    def _all(self, wanted: set[int]) -> Iterator[tuple[int, Idea]]:
        for node in ast.walk(self.code.tree):
            if isinstance(node, (ast.expr, ast.stmt)):
                line = _line(node, wanted)
                if line and self._inside(node):
                    for idea in self._of(node):
                        yield line, idea
            if isinstance(node, (ast.stmt, ast.ExceptHandler)) and not isinstance(node, ast.ClassDef):
                yield from self._inserted(node, wanted)

    def _inside(self, node: ast.AST) -> bool:
        """Leave alone annotations, docstrings and what stands inside f-strings (no positions before 3.12)."""
        if isinstance(node, ast.Constant) and isinstance(self.code.parents.get(node), ast.Expr):
            return False
        for around in (node, *self.code.up(node)):
            if isinstance(around, (ast.JoinedStr, ast.FormattedValue)) and around is not node:
                return False
            if isinstance(around, ast.stmt):
                if isinstance(around, ast.AnnAssign) and around is not node:
                    return self._under(node, around.value)
                if isinstance(around, FUNCTIONS) and around is not node:
                    return not (
                        self._under(node, around.returns) or any(self._under(node, a.annotation) for a in _args(around))
                    )
                return True
        return True

    def _under(self, node: ast.AST, top: ast.AST | None) -> bool:
        return top is not None and (node is top or top in set(self.code.up(node)))

    def _of(self, node: ast.AST) -> Ideas:
        site = Site(self.code, self.scope(node), node)
        for kinds, edit in _EDITS:
            if isinstance(node, kinds):
                yield from edit(site)
        if _is_condition(self.code, node):
            yield from conditions.conditions(site)

    def _inserted(self, node: ast.AST, wanted: set[int]) -> Iterator[tuple[int, Idea]]:
        for name in BLOCKS:
            block = getattr(node, name, None)
            if not isinstance(block, list) or not block:
                continue
            for place in range(len(block) + 1):
                near = [block[p].lineno for p in (place - 1, place) if 0 <= p < len(block)]
                seen = [line for line in near if line in wanted]
                if seen:
                    for idea in inserts.inserts(self.code, self.scope(block[0]), block, place):
                        yield seen[0], idea


def _args(function: ast.AST) -> list[ast.arg]:
    a: ast.arguments = function.args  # pyright: ignore[reportAttributeAccessIssue]
    return [*a.posonlyargs, *a.args, *a.kwonlyargs, *([a.vararg] if a.vararg else []), *([a.kwarg] if a.kwarg else [])]


def _line(node: ast.AST, wanted: set[int]) -> int:
    """The suspicious line that an expression or a statement's head stands on; 0 when there is none."""
    first: int = node.lineno  # pyright: ignore[reportAttributeAccessIssue]
    last: int = node.end_lineno or first  # pyright: ignore[reportAttributeAccessIssue]
    body = getattr(node, "body", None)
    if isinstance(node, ast.stmt) and isinstance(body, list):
        last = max(first, body[0].lineno - 1)
    return next((line for line in range(first, last + 1) if line in wanted), 0)


def _is_condition(code: Code, node: ast.AST) -> bool:
    parent = code.parents.get(node)
    return isinstance(parent, (ast.If, ast.While, ast.IfExp, ast.Assert)) and parent.test is node
