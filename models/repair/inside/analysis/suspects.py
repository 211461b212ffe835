"""Spectrum fault localisation: how suspicious each line is (Ochiai; Abreu et al., 2007). Pure."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from math import sqrt

from .source import FUNCTIONS, Code

Coverage = dict[str, list[int]]
"""Lines that one test ran, by file."""
Weights = dict[str, dict[int, float]]
"""How suspicious each line of each file is, 0 to 1."""
Frames = Sequence[tuple[str, int]]

_WORD = re.compile(r"\w+")
_ATTRIBUTE = re.compile(r"\.[ \t]*(\w+)")
_LAST_FRAME = 1.4
_RECURSION = 10
_ANY_FRAME = 1.2
_SUSPECTED = 1.3
INDIRECT = 0.75
"""What a constant or a default inherits from the lines that use it."""
_FILLING = 0.65
"""What a statement that puts something into such a constant inherits, and with half of it the rest of its function."""


def ochiai(failed: Sequence[Coverage], passed: Iterable[Coverage]) -> Weights:
    """``ef / sqrt(F * (ef + ep))`` for every line that a failing test runs."""
    hits: dict[str, dict[int, list[int]]] = {}
    for coverage in failed:
        for path, lines in coverage.items():
            table = hits.setdefault(path, {})
            for line in lines:
                table.setdefault(line, [0, 0])[0] += 1
    for coverage in passed:
        for path, lines in coverage.items():
            table = hits.get(path)
            for line in lines if table else ():
                if table and line in table:
                    table[line][1] += 1
    # F is the same for every line and orders nothing; with it, a line that all failing tests run and no other is 1.
    total = len(failed) or 1
    return {
        path: {line: ef / sqrt(total * (ef + ep)) for line, (ef, ep) in table.items()} for path, table in hits.items()
    }


def boosted(weights: Weights, frames: Iterable[Frames], suspects: Iterable[str]) -> Weights:
    """Raise lines of tracebacks and of files that somebody suspects; the most suspicious line becomes 1."""
    factors: dict[tuple[str, int], float] = {}
    for trace in frames:
        own = [(path, line) for path, line in trace if path in weights]
        often = Counter(own)
        deep = max(often.values(), default=0) >= _RECURSION
        for place, frame in enumerate(own):
            if deep:  # the call that has no end, not the line where the stack happened to be full
                again = 2 * often[frame] >= max(often.values())
                factors[frame] = max(factors.get(frame, 1.0), _LAST_FRAME if again else 1.0)
                continue
            factors[frame] = max(factors.get(frame, 1.0), _LAST_FRAME if place == len(own) - 1 else _ANY_FRAME)
    named = tuple(suspects)
    raised = {
        path: {
            line: weight * factors.get((path, line), 1.0) * (_SUSPECTED if named and path.endswith(named) else 1.0)
            for line, weight in table.items()
        }
        for path, table in weights.items()
    }
    most = max((weight for table in raised.values() for weight in table.values()), default=1.0)
    return {path: {line: weight / most for line, weight in table.items()} for path, table in raised.items()}


class Mentions:
    """How suspicious the lines are that mention a word: those of the file itself, and of files that mean another's."""

    def __init__(self) -> None:
        self._own: dict[str, dict[str, float]] = {}
        self._abroad: dict[str, float] = {}

    def note(self, path: str, word: str, weight: float, *, abroad: bool) -> None:
        """A suspicious line of a file mentions a word. ``abroad``: it may be a name of another module."""
        for table in (self._own.setdefault(path, {}), *([self._abroad] if abroad else [])):
            table[word] = max(table.get(word, 0.0), weight)

    def of(self, path: str) -> dict[str, float]:
        """The words that may mean a name of this file's module, each with its weight."""
        own = self._own.get(path, {})
        return {word: max(own.get(word, 0.0), self._abroad.get(word, 0.0)) for word in {*own, *self._abroad}}


def mentioned(weights: Weights, codes: dict[str, Code]) -> Mentions:
    """Read the suspicious lines. A word means another module's name where it is imported or read from something.

    A local variable that happens to be called like a constant elsewhere leads nowhere.
    """
    mentions = Mentions()
    for path, table in weights.items():
        if path not in codes:
            continue
        aliases = [a for n in ast.walk(codes[path].tree) if isinstance(n, ast.ImportFrom) for a in n.names]
        imported = {alias.asname or alias.name: alias.name for alias in aliases}
        anything = "*" in imported  # then every word may be a name of another module
        lines = codes[path].text.splitlines()
        for line, weight in table.items():
            text = lines[line - 1] if line <= len(lines) else ""
            read = set(_ATTRIBUTE.findall(text))
            for word in set(_WORD.findall(text)):
                mentions.note(path, word, weight, abroad=anything or word in imported or word in read)
                if imported.get(word, word) != word:
                    mentions.note(path, imported[word], weight, abroad=True)
    return mentions


def spread(code: Code, table: dict[int, float]) -> dict[int, float]:
    """Give every line of a statement (of a compound one: its head) the weight of its most suspicious line."""
    weights = dict(table)
    for node in ast.walk(code.tree):
        if isinstance(node, ast.stmt):
            # A tracer reports the line where a statement begins; the mistake may stand on any line of it.
            body = getattr(node, "body", None)
            last = body[0].lineno - 1 if isinstance(body, list) else node.end_lineno or node.lineno
            lines = range(node.lineno, max(last, node.lineno) + 1)
            weight = max((table.get(line, 0.0) for line in lines), default=0.0)
            if weight and len(lines) > 1:
                weights.update((line, max(weight, weights.get(line, 0.0))) for line in lines)
    return weights


def indirect(
    code: Code, table: dict[int, float], words: dict[str, float], filled: dict[int, float]
) -> dict[int, float]:
    """Weights of lines that ran at import: defaults of suspicious functions, constants that suspicious lines use.

    ``filled``: see ``filling``.
    """
    weights: dict[int, float] = {}
    for node in ast.walk(code.tree):
        if isinstance(node, FUNCTIONS):
            inner = [table.get(line, 0.0) for line in range(node.body[0].lineno, (node.end_lineno or 0) + 1)]
            weight = INDIRECT * max(inner, default=0.0)
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            for line in range(first, node.body[0].lineno):
                weights[line] = max(weights.get(line, 0.0), weight)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)) and code.function(node) is None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names = {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}
            weight = INDIRECT * max((words.get(name, 0.0) for name in names), default=0.0)
            for line in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                weights[line] = max(weights.get(line, 0.0), weight)
    for line, weight in filled.items():
        weights[line] = max(weights.get(line, 0.0), weight)
    return {line: weight for line, weight in weights.items() if weight and line not in table}


def filling(code: Code, words: dict[str, float]) -> dict[int, float]:
    """Weights of lines that fill tables which suspicious lines read: ``RULES.append(...)``, ``HANDLERS[name] = f``.

    They and the functions they stand in mostly run at import, where no test is seen to run them.
    """
    weights: dict[int, float] = {}
    tables = module_names(code) & words.keys()
    for node in ast.walk(code.tree) if tables else ():
        if isinstance(node, (ast.Expr, ast.Assign)) and (name := filled_name(node)) in tables:
            function = code.function(node)
            for part in (node, *(function.body if function else ())):
                weight = words[name or ""] * (_FILLING if part is node else _FILLING / 2)
                for line in range(part.lineno, (part.end_lineno or part.lineno) + 1):
                    weights[line] = max(weights.get(line, 0.0), weight)
    return weights


def filled_name(node: ast.Expr | ast.Assign) -> str | None:
    """The name of what a statement puts something into, by a method (``xs.append(x)``) or under a key."""
    holder: ast.expr | None = None
    if isinstance(node, ast.Assign):
        holder = node.targets[0].value if isinstance(node.targets[0], ast.Subscript) else None
    elif isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
        holder = node.value.func.value
    return holder.id if isinstance(holder, ast.Name) else None


def module_names(code: Code) -> set[str]:
    """Names that the module itself assigns or imports from another."""
    targets = [target for node in code.tree.body if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in code.tree.body if isinstance(node, ast.AnnAssign)]
    imported = [a.asname or a.name for node in code.tree.body if isinstance(node, ast.ImportFrom) for a in node.names]
    return {*imported, *(target.id for target in targets if isinstance(target, ast.Name))}
