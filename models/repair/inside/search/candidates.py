"""Candidate ranking: the edits of all files by suspicion and prior, and the changes of the last commits taken back."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Any, NamedTuple

from ..analysis.hints import hints
from ..analysis.history import mined
from ..analysis.overrides import read
from ..analysis.project import Drafts, Files
from ..analysis.site import Idea
from ..analysis.source import Code
from ..analysis.suspects import INDIRECT, Mentions, Weights, boosted, filling, indirect, mentioned, ochiai, spread
from ..analysis.wire import Message
from ..runner.baseline import Baseline
from .ideas import EditGenerator, RankedEdit, Unexpanded, best_first
from .trials import Trial

_NEWEST, _FADE = 0.97, 0.01
"""The worth of undoing the newest change, and what each older one loses."""
_ELSEWHERE = 0.3
"""How suspicious a change is that no failing test runs, where it defined what one asks for."""
_COMMIT = 9


class Undo(NamedTuple):
    score: float
    line: int
    idea: Idea


def undone(
    code: Code, weights: Mapping[int, float], hunks: Iterable[Mapping[str, Any]], asked: AbstractSet[str] = frozenset()
) -> Iterator[Undo]:
    """Each change of this file whose text still stands, once, as it was before; the newest first.

    Only where failing tests lead: they run one of its lines, or ask for a name that it defined (``asked``).
    """
    for age, hunk in enumerate(hunks):
        after, before = str(hunk["after"]), str(hunk["before"])
        # Text that stands twice, or was changed again since: which part of it the commit meant is not known.
        if not code.path.endswith(f"/{hunk['path']}") or before == after or code.text.count(after) != 1:
            continue
        start = code.text.index(after)
        first = code.text.count("\n", 0, start) + 1
        lines = range(first, first + after.count("\n") + 1)
        line = max(lines, key=lambda line: weights.get(line, 0.0))
        led = weights.get(line) or (_ELSEWHERE if any(asked & {*names} for names in _DEFINED.findall(before)) else 0.0)
        if not led:
            continue
        # A test that fails now mostly passed before the last few commits.
        weight = led * max(0.5, _NEWEST - _FADE * age)
        kind = f"change of {str(hunk['commit'])[:_COMMIT]} undone"
        yield Undo(weight, line, Idea(kind, weight, start, start + len(after), before))


_HINTED = 20
_MOST_FILES = 400
_DEFINED = re.compile(r"^[ \t]*(?:(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)|(\w+)[ \t]*=(?!=))", re.MULTILINE)
_ASSIGNED = re.compile(r"^[ \t]*(\w+)[ \t]*(?::[^=\n]*)?=(?!=)", re.MULTILINE)


class Candidates:
    """Ranks the edits of the project's files; never gives the same files twice."""

    def __init__(
        self,
        baseline: Baseline,
        files: Files,
        paths: Sequence[str],
        *,
        suspects: Sequence[str] = (),
        hunks: Sequence[Message] = (),
        loaded: Iterable[str] = (),
    ) -> None:
        self._hunks, self._loaded = list(hunks), frozenset(loaded)
        self._baseline, self._files = baseline, files
        self._paths, self._suspects = list(paths), list(suspects)
        self._failing = baseline.failing
        hinted = self._failing[:_HINTED]
        self._hints = hints(
            [(test.name, test.file) for test in hinted],
            [v for test in hinted for v in test.values],
            [test.message for test in hinted],
            mined(hunks),
        )
        self._ranked: set[int] = set()
        self._importing: set[tuple[str, int]] = set()

    def weights(self, fixed: AbstractSet[str] = frozenset()) -> Weights:
        """How suspicious the project's lines are, when some failing tests count as repaired."""
        still = [test for test in self._failing if test.name not in fixed]
        fine = [test for test in self._baseline.tests.values() if test.outcome == "passed" or test.name in fixed]
        table = ochiai([test.lines for test in still if test.lines], [test.lines for test in fine if test.lines])
        return boosted(table, [test.frames for test in still], self._suspects)

    def ranked(self, on: Trial | None = None) -> Iterator[Trial]:
        """Every edit of suspicious lines, best first; ``on`` top of another edit."""
        base = on.drafts if on else {}
        weights = self.weights(on.fixed if on else frozenset())
        before = f"{on.kind} at {on.where}, " if on else ""
        for rank, edit in enumerate(best_first(self._unexpanded(weights, base))):
            idea = edit.idea
            text = base.get(edit.path) or self._files.code(edit.path).text
            drafts = {**base, edit.path: text[: idea.start] + idea.text + text[idea.end :]}
            # Only the hash: tens of thousands of whole files would not fit into the sandbox's memory.
            key = hash(tuple(sorted(drafts.items())))
            if key not in self._ranked:
                self._ranked.add(key)
                growth = len(idea.text) - (idea.end - idea.start)
                at, importing = f"{edit.path}:{edit.line}", (edit.path, edit.line) in self._importing
                yield Trial(drafts, edit.score, before + idea.kind, at, rank, growth, importing=importing)

    def _code(self, path: str) -> Code | None:
        try:
            return self._files.code(path)
        except (SyntaxError, ValueError, OSError):
            return None

    def _unexpanded(self, weights: Weights, base: Drafts) -> Iterator[Unexpanded]:
        """The project's files; those that no failing test runs may still hold what suspicious lines use.

        Nothing else may be changed: an edit that failing tests do not lead to makes a suite green by chance only.
        """
        parsed = {path: Code(path, base[path]) if path in base else self._code(path) for path in {**weights, **base}}
        codes = {path: code for path, code in parsed.items() if code is not None}
        words = mentioned(weights, codes)
        for path in self._paths[:_MOST_FILES]:
            table = weights.get(path, {})
            # No line of it can become more suspicious than that: a file is parsed only when its turn comes.
            bound = max([*table.values(), INDIRECT])
            yield Unexpanded(bound, partial(self._places, path, table, words, codes))

    def _places(
        self, path: str, table: dict[int, float], mentions: Mentions, codes: dict[str, Code]
    ) -> Iterator[Unexpanded | RankedEdit]:
        words = mentions.of(path)
        if table or path in codes or (path in self._loaded and assigns_any(path, words)):
            code = codes.get(path) or self._code(path)
            if code is not None:
                table = spread(code, table)
                filled = filling(code, words)
                table.update(more := indirect(code, table, words, filled))
                self._importing |= {(path, line) for line in filled.keys() & more.keys()}
                for score, line, idea in undone(code, table, self._hunks, self._hints.names | words.keys()):
                    yield RankedEdit(score, code.path, line, idea)
                yield from EditGenerator(code, self._hints).places(table)


def assigns_any(path: str, words: Container[str]) -> bool:
    """Whether a file assigns a name that suspicious lines mention: a look at its text is cheaper than a parse."""
    try:
        return any(name in words for name in _ASSIGNED.findall(read(path)))
    except (OSError, SyntaxError, ValueError):
        return False
