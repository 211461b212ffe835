"""Where the candidates come from: suspicious lines, and edits of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from heapq import merge

from .baseline import Baseline
from .hints import hints
from .ideas import Candidate, Ideal
from .project import Drafts, Files
from .source import Code
from .suspects import Weights, boosted, indirect, mentioned, ochiai, spread
from .trials import Trial

_HINTED = 20
_MOST_FILES = 400
_BANDS = (9.0, 0.6, 0.35, 0.15, 0.0)
"""Weights of lines between which candidates are made together."""


class Candidates:
    """Ranks the edits of the project's files; never gives the same files twice."""

    def __init__(self, baseline: Baseline, files: Files, paths: Sequence[str], suspects: Sequence[str]) -> None:
        self._baseline, self._files = baseline, files
        self._paths, self._suspects = list(paths), list(suspects)
        self._failing = baseline.failing
        hinted = self._failing[:_HINTED]
        self._hints = hints([(test.name, test.file) for test in hinted], [v for test in hinted for v in test.values])
        self._given: set[int] = set()

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
        codes = self._codes(weights, base)
        before = f"{on.kind} at {on.where}, " if on else ""
        for rank, found in enumerate(self._merged(weights, codes)):
            idea = found.idea
            text = base.get(found.path) or self._files.code(found.path).text
            drafts = {**base, found.path: text[: idea.start] + idea.text + text[idea.end :]}
            key = hash(tuple(sorted(drafts.items())))
            if key not in self._given:
                self._given.add(key)
                growth = len(idea.text) - (idea.end - idea.start)
                yield Trial(drafts, found.score, before + idea.kind, f"{found.path}:{found.line}", rank, growth)

    def _codes(self, weights: Weights, base: Drafts) -> dict[str, Code]:
        found = {path: Code(path, base[path]) if path in base else self._code(path) for path in {**weights, **base}}
        return {path: code for path, code in found.items() if code is not None}

    def _code(self, path: str) -> Code | None:
        try:
            return self._files.code(path)
        except (SyntaxError, ValueError, OSError):
            return None

    def _merged(self, weights: Weights, codes: dict[str, Code]) -> Iterator[Candidate]:
        """Best first. Edits of lines that cannot be reached yet by their score are made later."""
        waiting: list[list[Candidate]] = []
        for most, least in zip(_BANDS, _BANDS[1:]):  # noqa: B905, RUF007 - Python 3.9
            found = merge(*waiting, *self._lists(weights, codes, least, most), key=_best_first)
            rest: list[Candidate] = []
            for candidate in found:
                if candidate.score < least:
                    rest = [candidate, *found]
                    break
                yield candidate
            waiting = [rest]
        yield from waiting[0]

    def _lists(self, weights: Weights, codes: dict[str, Code], least: float, most: float) -> list[list[Candidate]]:
        """Candidates of the lines whose weight lies between two."""
        words = mentioned(weights, codes)
        lists: list[list[Candidate]] = []
        for path in self._paths[:_MOST_FILES]:
            code = codes.get(path) or self._code(path)
            if code is None:
                continue
            table = spread(code, weights.get(path, {}))
            table.update(indirect(code, table, words))
            lines = [line for line, weight in table.items() if least <= weight < most]
            if lines:
                lists.append(Ideal(code, self._hints).candidates(table.__getitem__, lines))
        return lists


def _best_first(candidate: Candidate) -> float:
    return -candidate.score
