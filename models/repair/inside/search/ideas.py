"""Edit generation: all candidate edits of one file, made lazily and in falling order of their scores."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple

from ..analysis.facts import Facts, Hints, facts
from ..analysis.nodes import arguments, is_condition, suspicious_line
from ..analysis.scope import Scope
from ..analysis.site import Idea, Ideas, Site
from ..analysis.source import BLOCKS, FUNCTIONS, Code
from ..edits import (
    atoms,
    calls,
    conditions,
    defaults,
    inserts,
    jumps,
    names,
    operators,
    statements,
    subscripts,
    values,
    wrapping,
)


class Unexpanded(NamedTuple):
    """Something that opens into more, none of it better than ``bound``."""

    bound: float
    expand: Callable[[], Iterable[Any]]


def best_first(start: Iterable[Any]) -> Iterator[Any]:
    """Everything in falling order, as far as the bounds hold; equal ones in the order of their coming.

    What is handed out is a tuple that starts with its score; an ``Unexpanded`` never is.
    """
    # At the same bound an edit comes before what would have to be expanded: it may be all that is needed.
    waiting = [(-entry[0], isinstance(entry, Unexpanded), place, entry) for place, entry in enumerate(start)]
    heapify(waiting)
    count = len(waiting)
    while waiting:
        _, unexpanded, _, entry = heappop(waiting)
        if not unexpanded:
            yield entry
            continue
        for inner in entry.expand():
            heappush(waiting, (-inner[0], isinstance(inner, Unexpanded), count, inner))
            count += 1


Weigher = Callable[[int], float]
"""How suspicious a line is, 0 to 1."""

_CONDITION, _INSERT = 0.9, 0.6
"""The highest prior of edits of conditions, and of new statements."""
_TABLES = (ast.List, ast.Tuple, ast.Set, ast.Dict)
_MANY, _LEAST = 12, 0.1
"""Constants and names of a table of the usual length; the smallest share of an entry of a longer one."""

_EDITS: tuple[tuple[tuple[type[ast.AST], ...], Callable[[Site], Ideas], float], ...] = (
    ((ast.Compare,), operators.compares, 1.0),
    ((ast.BinOp,), operators.binaries, 1.0),
    ((ast.BoolOp,), operators.booleans, 1.0),
    ((ast.UnaryOp,), operators.unaries, 1.0),
    ((ast.IfExp,), operators.choices, 1.0),
    ((ast.AugAssign,), operators.augmented, 1.0),
    ((ast.Constant,), atoms.constants, 1.0),
    ((ast.Name,), names.names, 0.95),
    ((ast.Attribute,), names.attributes, 0.95),
    ((ast.Call,), calls.calls, 0.9),
    ((ast.Subscript,), subscripts.subscripts, 0.9),
    ((ast.List, ast.Tuple, ast.Set), subscripts.displays, 0.75),
    ((ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp), subscripts.comprehensions, 0.7),
    ((ast.For,), jumps.loops, 0.5),
    ((ast.stmt,), statements.statements, 0.9),
    (FUNCTIONS, jumps.decorators, 0.4),
    (FUNCTIONS, defaults.defaults, 0.9),
    ((ast.Assign,), defaults.attributes, 0.9),
    ((ast.JoinedStr,), atoms.formats, 0.6),
    ((ast.Await, ast.Call), jumps.awaits, 0.6),
    ((ast.Name, ast.Attribute, ast.Call, ast.BinOp, ast.Subscript), operators.nudges, 0.8),
    ((ast.expr,), values.wraps, 0.5),
    ((ast.expr,), values.exchanges, 0.36),
    ((ast.expr,), values.additions, 0.4),
    ((ast.BinOp, ast.Call, ast.Subscript), values.turns, 0.4),
    ((ast.expr,), wrapping.callers, 0.3),
    ((ast.expr,), wrapping.fallbacks, 0.3),
    ((ast.Name, ast.Constant, ast.JoinedStr), wrapping.raised, 0.6),
)


class RankedEdit(NamedTuple):
    """A ranked edit of one file."""

    score: float
    path: str
    line: int
    idea: Idea


class EditGenerator:
    """Generates the candidates of one file."""

    def __init__(self, code: Code, hints: Hints) -> None:
        self.code, self.hints = code, hints
        self.facts: Facts = facts(code)
        self._scopes: dict[ast.AST, Scope] = {}
        self._scores: dict[tuple[int, int, str], float] = {}

    def scope(self, node: ast.AST) -> Scope:
        """The scope of a node, made once per function."""
        function = self.code.function(node)
        key = function or self.code.tree
        if key not in self._scopes:
            self._scopes[key] = Scope(self.code, function, self.facts, self.hints)
        return self._scopes[key]

    def candidates(self, weigh: Weigher, lines: Iterable[int]) -> list[RankedEdit]:
        """Every edit that touches one of ``lines``, best first, each text once."""
        edits = best_first(self.places({line: weigh(line) for line in lines}))
        once: dict[tuple[int, int, str], RankedEdit] = {}
        for candidate in edits:
            once.setdefault(candidate.idea[2:], candidate)
        return list(once.values())

    def places(self, weights: Mapping[int, float]) -> Iterator[Unexpanded]:
        """Where suspicious lines may be edited; the edits are made when the search comes to them."""
        for node in ast.walk(self.code.tree):
            if isinstance(node, (ast.expr, ast.stmt)):
                line = suspicious_line(node, weights)
                if line:
                    yield Unexpanded(weights[line], partial(self._edits, node, line, weights[line]))
            if isinstance(node, (ast.stmt, ast.ExceptHandler)) and not isinstance(node, ast.ClassDef):
                yield from self._gaps(node, weights)

    def _edits(self, node: ast.AST, line: int, weight: float) -> Iterator[Unexpanded]:
        """The kinds of edits of one node, none made yet."""
        if not editable(self.code, node):
            return
        weight *= table_share(self.code, node)
        site = Site(self.code, self.scope(node), node)
        for kinds, edit, most in _EDITS:
            if isinstance(node, kinds):
                yield Unexpanded(weight * most, partial(self._applied, edit, site, line, weight))
        if is_condition(self.code, node):
            yield Unexpanded(weight * _CONDITION, partial(self._applied, conditions.conditions, site, line, weight))

    def _applied(self, edit: Callable[[Site], Ideas], site: Site, line: int, weight: float) -> Iterator[RankedEdit]:
        return self._fresh(edit(site), line, weight)

    def _fresh(self, ideas: Ideas, line: int, weight: float) -> Iterator[RankedEdit]:
        """Candidates of ideas that change something: of the same text the best, and none that was made before."""
        best: dict[tuple[int, int, str], Idea] = {}
        for idea in ideas:
            key = (idea.start, idea.end, idea.text)
            if self.code.text[idea.start : idea.end] != idea.text and (
                key not in best or best[key].weight < idea.weight
            ):
                best[key] = idea
        for key, idea in best.items():
            score = weight * idea.weight
            # Two operators may write the same text; the same edit with less weight would only be tried later again.
            if score > self._scores.get(key, 0.0):
                self._scores[key] = score
                yield RankedEdit(score, self.code.path, line, idea)

    def _gaps(self, node: ast.AST, weights: Mapping[int, float]) -> Iterator[Unexpanded]:
        """Places between statements."""
        for name in BLOCKS:
            block = getattr(node, name, None)
            if not isinstance(block, list) or not block:
                continue
            for place in range(len(block) + 1):
                near = [block[p].lineno for p in (place - 1, place) if 0 <= p < len(block)]
                weight, line = max((weights.get(line, 0.0), -line) for line in near)
                if weight:
                    yield Unexpanded(weight * _INSERT, partial(self._inserted, block, place, -line, weight))

    def _inserted(self, block: list[ast.stmt], place: int, line: int, weight: float) -> Iterator[RankedEdit]:
        return self._fresh(inserts.inserts(self.code, self.scope(block[0]), block, place), line, weight)


def editable(code: Code, node: ast.AST) -> bool:
    """Leave alone annotations, docstrings and what stands inside f-strings (no positions before 3.12)."""
    if isinstance(node, ast.Constant) and isinstance(code.parents.get(node), ast.Expr):
        return False
    around_node = [node, *code.up(node)]
    for around in around_node:
        if isinstance(around, (ast.JoinedStr, ast.FormattedValue)) and around is not node:
            return False
        if isinstance(around, ast.stmt):
            if isinstance(around, ast.AnnAssign) and around is not node:
                return around.value in around_node
            if isinstance(around, FUNCTIONS) and around is not node:
                notes = [around.returns, *(argument.annotation for argument in arguments(around))]
                return not any(note in around_node for note in notes)
            return True
    return True


def table_share(code: Code, node: ast.AST) -> float:
    """The part of a line's suspicion that one entry of a long table bears: its lines all run at once, at import."""
    for around in code.up(node):
        if isinstance(around, ast.stmt):
            return 1.0
        if isinstance(around, _TABLES) and (count := code.leaves(around)) > _MANY:
            return max(_LEAST, _MANY / count)
    return 1.0
