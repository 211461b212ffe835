"""Ranking of candidates by what they did when they were run (F4). Pure.

The order of evidence: it builds, the reproduction test passes, the regression tests pass, more tests
pass, the reviewer's score, more candidates behave the same, the smaller diff. What is equal after that is
decided by fewer tokens, then by id, so that the same candidates always give the same winner.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence

from domain import Broken, value
from domain.evidence import Candidate, TestReport

Measure = Callable[[Candidate], float]


@value
class Compared:
    """What a run of the tests says about a change, beside the run before it."""

    builds: bool
    """The tests ran at all."""
    reproduction: bool
    """What failed before does not fail now."""
    regression: bool
    """Nothing fails now that did not fail before."""
    share: float
    """Of the tests that ran, those that passed."""
    behaviour: str
    """Equal for changes after which the same tests fail."""


def compared(before: TestReport | None, after: TestReport | None, *, passed: bool) -> Compared:
    """Compare two runs of the same command. Where nothing can be counted, ``passed`` is all there is to know."""
    if after is None:
        return Compared(
            builds=passed, reproduction=passed, regression=passed, share=float(passed), behaviour=str(passed)
        )
    failed, now = _failing(before), _failing(after)
    counted = after.passed + after.failed + after.errors
    # Errors alone: nothing was collected, so the change does not even build.
    ran = passed or after.passed + after.failed > 0
    known = ran and bool(now)  # which tests fail is known
    return Compared(
        builds=ran,
        reproduction=passed or (known and bool(failed) and not failed & now),
        regression=passed or (known and before is not None and now <= failed),
        share=after.passed / counted if counted else float(passed),
        behaviour=hashlib.sha256("\0".join(sorted(now)).encode()).hexdigest()[:12],
    )


def _failing(report: TestReport | None) -> set[str]:
    return {case.id for case in report.cases if case.outcome in {"failed", "error"}} if report else set()


TESTED: tuple[tuple[str, Measure], ...] = (
    ("it builds", lambda c: c.builds),
    ("it passes the reproduction test", lambda c: c.reproduction_passed),
    ("it passes the regression tests", lambda c: c.regression_passed),
    ("more tests pass", lambda c: c.score),
)


def tied(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Those at the top that no test can tell apart, in a fixed order."""
    return top(candidates, TESTED)


@value
class Ranked:
    """Candidates, best first, and why the first one is first."""

    winner: Candidate
    order: tuple[Candidate, ...]
    reason: str


def best(candidates: Sequence[Candidate]) -> Ranked:
    """Order changes that were proposed as a whole by evidence.

    Raises:
        Broken: there is no candidate.
    """
    alike = Counter(candidate.behaviour for candidate in candidates if candidate.builds and candidate.behaviour)
    return ordered(
        candidates,
        (
            *TESTED,
            ("the reviewer rates it higher", reviewed),
            ("more candidates behave like it", lambda c: alike[c.behaviour]),
            ("its diff is smaller", lambda c: -c.diff_lines),
            ("it took fewer tokens", thrift),
        ),
    )


def reviewed(candidate: Candidate) -> float:
    """The reviewer's score; who was not read comes after who was."""
    return -1.0 if candidate.review is None else candidate.review


def thrift(candidate: Candidate) -> float:
    """More for who took fewer tokens."""
    return -candidate.tokens


def top(candidates: Sequence[Candidate], evidence: Sequence[tuple[str, Measure]]) -> tuple[Candidate, ...]:
    """Those that are first by this evidence, in a fixed order."""
    order = sorted(candidates, key=lambda c: (tuple(-measure(c) for _, measure in evidence), c.id))
    return tuple(c for c in order if all(measure(c) == measure(order[0]) for _, measure in evidence))


def ordered(candidates: Sequence[Candidate], evidence: Sequence[tuple[str, Measure]]) -> Ranked:
    """The candidates by this evidence, the most telling first, and what decided between the first two.

    Raises:
        Broken: there is no candidate.
    """
    if not candidates:
        raise Broken("There is no candidate to rank.", code="no_candidate", hint="Report it.")
    # By id at last: the same candidates have the same winner, in whatever order they came.
    order = tuple(sorted(candidates, key=lambda c: (tuple(-measure(c) for _, measure in evidence), c.id)))
    return Ranked(winner=order[0], order=order, reason=_reason(order, evidence))


def _reason(order: tuple[Candidate, ...], evidence: Sequence[tuple[str, Measure]]) -> str:
    winner, complete = order[0], passes_everything(order[0])
    if len(order) == 1:
        result = "passes everything" if complete else "builds and fails tests" if winner.builds else "does not build"
        return f"{winner.provider} ({winner.id}) is the only candidate; it {result}."
    proven = "passes everything" if complete else "passes nothing more than the others"
    second = order[1]
    for words, measure in evidence:
        if measure(winner) != measure(second):
            return f"{winner.provider} ({winner.id}) before {second.provider} ({second.id}): {words}."
    return f"{winner.provider} ({winner.id}) is equal to {second.provider} ({second.id}) and {proven}; first by name."


def passes_everything(candidate: Candidate) -> bool:
    """Tell whether looking for a better candidate can stop."""
    return candidate.builds and candidate.reproduction_passed and candidate.regression_passed
