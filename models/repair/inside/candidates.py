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


class Candidates:
    """Ranks the edits of the project's files; never gives the same files twice."""

    def __init__(self, baseline: Baseline, files: Files, paths: Sequence[str], suspects: Sequence[str]) -> None:
        self._baseline, self._files = baseline, files
        self._paths, self._suspects = list(paths), list(suspects)
        self._failing = baseline.failing
        self._hints = hints([(test.name, test.file) for test in self._failing[:_HINTED]])
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
        for rank, found in enumerate(merge(*self._lists(weights, codes), key=lambda candidate: -candidate.score)):
            idea = found.idea
            text = codes[found.path].text
            drafts = {**base, found.path: text[: idea.start] + idea.text + text[idea.end :]}
            key = hash(tuple(sorted(drafts.items())))
            if key not in self._given:
                self._given.add(key)
                growth = len(idea.text) - (idea.end - idea.start)
                yield Trial(drafts, found.score, before + idea.kind, f"{found.path}:{found.line}", rank, growth)

    def _codes(self, weights: Weights, base: Drafts) -> dict[str, Code]:
        codes: dict[str, Code] = {}
        for path in weights:
            try:
                codes[path] = Code(path, base[path]) if path in base else self._files.code(path)
            except (SyntaxError, ValueError, OSError):
                continue
        return codes

    def _lists(self, weights: Weights, codes: dict[str, Code]) -> list[list[Candidate]]:
        words = mentioned(weights, codes)
        lists: list[list[Candidate]] = []
        for path in self._paths:
            if path in codes:
                table = spread(codes[path], weights[path])
                table.update(indirect(codes[path], table, words))
                lists.append(Ideal(codes[path], self._hints).candidates(table.__getitem__, table))
        return lists
