"""Repository map: the files that a repository leans on, and what they define. Pure.

A file that uses a name points to the files that define it; PageRank with a focus (Page, Brin,
Motwani and Winograd 1999; Haveliwala 2002 for the focus) says where the weight ends up.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

DAMPING = 0.85
ROUNDS = 25
AMBIGUOUS = 5
"""A name that more files define than this says nothing about where it comes from."""
MIN_NAME = 3
CHARS_PER_TOKEN = 3
_IDENTIFIER = re.compile(r"[A-Za-z_]\w{2,}")


@dataclass(frozen=True, slots=True)
class Definition:
    """A qualified name and the line that declares it."""

    name: str
    line: int
    signature: str

    @property
    def short(self) -> str:
        """The part after the last dot: what callers write."""
        return self.name.rsplit(".", 1)[-1]


@dataclass(frozen=True, slots=True)
class Symbols:
    """What one file defines and uses."""

    path: str
    definitions: tuple[Definition, ...]
    uses: Mapping[str, int]


def uses_of(text: str) -> Counter[str]:
    """Count the identifiers of a text."""
    return Counter(_IDENTIFIER.findall(text))


def defined_in(files: Iterable[Symbols]) -> dict[str, list[str]]:
    """Return the files that define each short name; ambiguous and tiny names are left out."""
    where: dict[str, list[str]] = {}
    for file in files:
        for name in dict.fromkeys(d.short for d in file.definitions):
            if len(name) >= MIN_NAME:
                where.setdefault(name, []).append(file.path)
    return {name: paths for name, paths in where.items() if len(paths) <= AMBIGUOUS}


def references(files: Sequence[Symbols]) -> dict[str, dict[str, float]]:
    """Return the graph of a repository: file → the files that define what it uses, with shares that add up to 1.

    A name counts with the root of how often it is used, and less where several files may be meant.
    """
    where = defined_in(files)
    edges: dict[str, dict[str, float]] = {}
    for file in files:
        out: dict[str, float] = {}
        for name in file.uses.keys() & where.keys():
            for target in where[name]:
                if target != file.path:
                    out[target] = out.get(target, 0.0) + file.uses[name] ** 0.5 / len(where[name])
        if out:
            edges[file.path] = _normal(out)
    return edges


def ranks(files: Sequence[Symbols], focus: Mapping[str, float]) -> dict[str, float]:
    """Return the PageRank of every file; the ranks add up to 1.

    ``focus`` says where a reader starts, by path; empty or all zero: everywhere alike.
    """
    if not files:
        return {}
    start = _normal({file.path: max(0.0, focus.get(file.path, 0.0)) for file in files})
    edges = references(files)
    rank = dict(start)
    for _ in range(ROUNDS):
        flow = {path: (1 - DAMPING) * share for path, share in start.items()}
        lost = 0.0
        for path, value in rank.items():
            # A file that uses nothing passes its weight on to where the reader starts: the ranks still add up to 1.
            if not (targets := edges.get(path)):
                lost += value
            for target, share in (targets or {}).items():
                flow[target] += DAMPING * value * share
        rank = {path: value + DAMPING * lost * start[path] for path, value in flow.items()}
    return rank


def outline(files: Sequence[Symbols], rank: Mapping[str, float], *, budget_tokens: int) -> str:
    """Return a map of the repository: files, heaviest first, with the lines that declare things.

    Never longer than ``budget_tokens`` (three characters each). Every file gets its heaviest names first.
    """
    where = defined_in(files)
    used: Counter[str] = Counter()
    for file in files:
        for name, times in file.uses.items():
            if name in where and file.path not in where[name]:
                used[name] += times
    left = budget_tokens * CHARS_PER_TOKEN
    parts: list[str] = []
    for file in sorted(files, key=lambda f: (-rank.get(f.path, 0.0), f.path)):
        part = file_outline(file, used, left)
        if not part:
            break
        parts.append(part)
        left -= len(part) + 1
    return "\n".join(parts)


def file_outline(file: Symbols, used: Mapping[str, int], chars: int, *, most: int = 12) -> str:
    """Return a file's path and the lines of its most used names, in order, within ``chars``; empty: no room at all."""
    ordered = sorted(file.definitions, key=lambda d: (-used.get(d.short, 0), d.line))[:most]
    while True:
        lines = [f"  {d.line}: {d.signature}" for d in sorted(ordered, key=lambda d: d.line)]
        text = "\n".join([file.path, *lines])
        if len(text) <= chars:
            return text
        if not ordered:
            return ""
        ordered.pop()


def _normal(weights: Mapping[str, float]) -> dict[str, float]:
    total = sum(weights.values())
    if total <= 0:
        return {key: 1 / len(weights) for key in weights}
    return {key: weight / total for key, weight in weights.items()}
