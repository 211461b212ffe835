"""Ranking of loops of the coder: by their own tests, by those that the others wrote, by who agrees (F4). Pure.

Agreement counts more than opinion: when all of several tries come to the same, they are right nearly always.
"""

from collections.abc import Sequence

from domain.evidence import Candidate
from models.ranking.order import TESTED, Measure, Ranked, ordered, passes_everything, reviewed, thrift, top


def agreeing(one: Candidate, other: Candidate, *, red: bool) -> bool:
    """Whether two loops of the coder came to the same: both pass everything, the tests that the other one wrote, too.

    Two that only claim to be done agree in nothing. ``red``: something failed before the change, so that passing the
    suite shows something; else one of them must have written a test that was run with the other, or their trees are
    the same.
    """
    if not (passes_everything(one) and passes_everything(other)):
        return False
    pairs = ((one, other), (other, one))
    crossed = [each for mine, theirs in pairs for each in mine.crossed if each.tests_of == theirs.id]
    same = bool(one.tree) and one.tree == other.tree
    return all(each.passed for each in crossed) and (red or bool(crossed) or same)


def best_loop(candidates: Sequence[Candidate], *, red: bool) -> Ranked:
    """Order loops of the coder by evidence: their own tests, those of the others, who agrees, the smaller diff.

    The reviewer, who reads where all that is equal, comes last.

    Raises:
        Broken: there is no candidate.
    """
    evidence = _evidence_of_loops(candidates, red=red)
    return ordered(
        candidates, (*evidence, ("the reviewer rates it higher", reviewed), ("it took fewer tokens", thrift))
    )


def tied_loops(candidates: Sequence[Candidate], *, red: bool) -> tuple[Candidate, ...]:
    """Those at the top that only a reader can tell apart, in a fixed order."""
    return top(candidates, _evidence_of_loops(candidates, red=red))


def _evidence_of_loops(candidates: Sequence[Candidate], *, red: bool) -> tuple[tuple[str, Measure], ...]:
    def group(candidate: Candidate) -> int:
        return sum(agreeing(candidate, other, red=red) for other in candidates if other.id != candidate.id)

    return (
        *TESTED,
        ("it fails fewer of the tests that others wrote", lambda c: -sum(not each.passed for each in c.crossed)),
        ("more candidates agree with it", group),
        ("its diff is smaller", lambda c: -c.diff_lines),
    )
