"""Comparison of two evaluations over the cases of both: the difference, how sure it is, and which cases differ."""

from collections.abc import Mapping, Sequence

from domain import Refused, value
from service.eval.results import APART, AttemptResult
from service.statistics import Interval, mcnemar, paired_difference


@value
class CaseDifference:
    """A case on which two evaluations do not agree."""

    case: str
    first: float
    """Share of the attempts that resolved it."""
    second: float
    first_outcomes: tuple[str, ...]
    second_outcomes: tuple[str, ...]


@value
class EvaluationComparison:
    """How the second evaluation did beside the first."""

    cases: int
    """Both have judged attempts of."""
    left_out: tuple[str, ...]
    """Cases of one of them alone, or that say nothing in one."""
    first: float
    second: float
    difference: Interval
    """Second minus first, with its bootstrap interval at 95 % over the cases."""
    only_first: int
    """Cases that the first resolved more often."""
    only_second: int
    p_value: float
    """McNemar's exact test: as many disagreements or more, if both were equally good."""
    cost: Interval
    """Second minus first, a case."""
    seconds: Interval
    prompts: Interval
    differences: tuple[CaseDifference, ...]


def compared(first: Sequence[AttemptResult], second: Sequence[AttemptResult]) -> EvaluationComparison:
    """Compare two evaluations.

    Raises:
        Refused: ``nothing_to_compare``: they have no judged case in common.
    """
    a, b = _by_case(first), _by_case(second)
    common = sorted(set(a) & set(b))
    if not common:
        raise Refused(
            "The two evaluations have no judged case in common.",
            code="nothing_to_compare",
            hint="Compare evaluations of the same dataset.",
        )
    shares = [(_share(a[case]), _share(b[case])) for case in common]
    everything = {each.case for each in (*first, *second)}

    def of(name: str) -> Interval:
        return paired_difference([(_mean(a[case], name), _mean(b[case], name)) for case in common])

    only_first, only_second = sum(x > y for x, y in shares), sum(y > x for x, y in shares)
    return EvaluationComparison(
        cases=len(common),
        left_out=tuple(sorted(everything - set(common))),
        first=sum(x for x, _ in shares) / len(common),
        second=sum(y for _, y in shares) / len(common),
        difference=paired_difference(shares),
        only_first=only_first,
        only_second=only_second,
        p_value=mcnemar(only_first, only_second),
        cost=of("cost"),
        seconds=of("seconds"),
        prompts=of("prompts"),
        differences=tuple(
            CaseDifference(
                case=case,
                first=x,
                second=y,
                first_outcomes=tuple(each.outcome for each in a[case]),
                second_outcomes=tuple(each.outcome for each in b[case]),
            )
            for case, (x, y) in zip(common, shares, strict=True)
            if x != y
        ),
    )


def _by_case(results: Sequence[AttemptResult]) -> Mapping[str, Sequence[AttemptResult]]:
    by_case: dict[str, list[AttemptResult]] = {}
    for each in results:
        if each.outcome not in APART:
            by_case.setdefault(each.case, []).append(each)
    return by_case


def _share(attempts: Sequence[AttemptResult]) -> float:
    return sum(each.outcome == "resolved" for each in attempts) / len(attempts)


def _mean(attempts: Sequence[AttemptResult], name: str) -> float:
    return sum(float(getattr(each, name)) for each in attempts) / len(attempts)
