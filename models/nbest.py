"""Rank candidates by what they did when they were run (F4). Pure.

The order of evidence: it builds, the reproduction test passes, the regression tests pass, the score of
whoever judged it, the smaller diff. What is equal after that is decided by fewer tokens, then by id, so
that the same candidates always give the same winner.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise

from domain import Broken, Candidate, value

_EVIDENCE: tuple[tuple[str, Callable[[Candidate], float]], ...] = (
    ("it builds", lambda c: c.builds),
    ("it passes the reproduction test", lambda c: c.reproduction_passed),
    ("it passes the regression tests", lambda c: c.regression_passed),
    ("it scores higher", lambda c: c.score),
    ("its diff is smaller", lambda c: -c.diff_lines),
    ("it took fewer tokens", lambda c: -c.tokens),
)


@value
class Ranked:
    """Candidates, best first, and why the first one is first."""

    winner: Candidate
    order: tuple[Candidate, ...]
    reason: str


def _key(candidate: Candidate) -> tuple[float, ...]:
    return tuple(-measure(candidate) for _, measure in _EVIDENCE)


def best(candidates: Sequence[Candidate]) -> Ranked:
    """Order candidates by evidence.

    Raises:
        Broken: there is no candidate.
    """
    if not candidates:
        raise Broken("There is no candidate to rank.", code="no_candidate", hint="Report it.")
    order = tuple(sorted(candidates, key=lambda c: (_key(c), c.id)))
    return Ranked(winner=order[0], order=order, reason=_reason(order))


def _reason(order: tuple[Candidate, ...]) -> str:
    winner = order[0]
    proven = "passes everything" if passes_everything(winner) else "passes nothing more than the others"
    if len(order) == 1:
        return f"{winner.provider} ({winner.id}) is the only candidate; it {_standing(winner)}."
    first, second = next(pairwise(order))
    for words, measure in _EVIDENCE:
        if measure(first) != measure(second):
            return f"{winner.provider} ({winner.id}) before {second.provider} ({second.id}): {words}."
    return f"{winner.provider} ({winner.id}) is equal to {second.provider} ({second.id}) and {proven}; first by name."


def _standing(candidate: Candidate) -> str:
    if passes_everything(candidate):
        return "passes everything"
    return "builds and fails tests" if candidate.builds else "does not build"


def passes_everything(candidate: Candidate) -> bool:
    """Tell whether looking for a better candidate can stop."""
    return candidate.builds and candidate.reproduction_passed and candidate.regression_passed
