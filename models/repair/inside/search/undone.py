"""Changes of the last commits taken back: what passed before was often broken by one of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..analysis.site import Idea
from ..analysis.source import Code

_NEWEST, _FADE = 0.97, 0.01
"""The worth of undoing the newest change, and what each older one loses."""
_ELSEWHERE = 0.3
"""How suspicious a changed line is that no failing test runs, in a file that one does."""
_COMMIT = 9


class Undo(NamedTuple):
    score: float
    line: int
    idea: Idea


def undone(code: Code, weights: Mapping[int, float], hunks: Iterable[Mapping[str, Any]]) -> Iterator[Undo]:
    """Each change of this file whose text still stands, once, as it was before; the newest first."""
    for age, hunk in enumerate(hunks):
        after, before = str(hunk["after"]), str(hunk["before"])
        if not code.path.endswith(f"/{hunk['path']}") or before == after or code.text.count(after) != 1:
            continue
        start = code.text.index(after)
        first = code.text.count("\n", 0, start) + 1
        lines = range(first, first + after.count("\n") + 1)
        line = max(lines, key=lambda line: weights.get(line, 0.0))
        weight = (weights.get(line) or _ELSEWHERE) * max(0.5, _NEWEST - _FADE * age)
        kind = f"change of {str(hunk['commit'])[:_COMMIT]} undone"
        yield Undo(weight, line, Idea(kind, weight, start, start + len(after), before))
