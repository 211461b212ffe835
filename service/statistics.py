"""Statistics of evaluations and of outcomes: intervals of a rate and of a difference, McNemar's test, pass@k. Pure.

Sources: Wilson, Probable inference (1927); McNemar, Sampling error of correlated proportions (1947), exact form;
Efron's percentile bootstrap over cases; Chen et al., Evaluating large language models trained on code (2021), pass@k.
"""

import math
import random
from collections.abc import Sequence
from typing import Final

from domain import value

Z: Final = 1.959963984540054
"""Of a two-sided interval at 95 %."""
RESAMPLES: Final = 2_000


@value
class Interval:
    """A number, and where it may lie at 95 %."""

    value: float
    low: float
    high: float


def wilson(good: int, of: int) -> Interval:
    """Return the share of successes with Wilson's interval; of nothing it may lie anywhere."""
    if of == 0:
        return Interval(value=0.0, low=0.0, high=1.0)
    share, square = good / of, Z * Z / of
    middle = (share + square / 2) / (1 + square)
    half = Z / (1 + square) * math.sqrt(share * (1 - share) / of + square / (4 * of))
    # At 0 and 1 the interval ends there, and the floats beside it.
    low = 0.0 if good == 0 else max(0.0, middle - half)
    high = 1.0 if good == of else min(1.0, middle + half)
    return Interval(value=share, low=low, high=high)


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the exact two-sided p-value of as many disagreements, if both were equally good."""
    total, fewer = only_first + only_second, min(only_first, only_second)
    if total == 0:
        return 1.0
    tail = sum(math.comb(total, count) for count in range(fewer + 1))
    # Whole numbers until the end: a power of two with thousands of bits is no float.
    return min(1.0, (2 * tail) / (1 << total))


def paired_difference(pairs: Sequence[tuple[float, float]], *, seed: int = 0) -> Interval:
    """Return by how much the second is better on average, with a bootstrap interval over the cases.

    Args:
        pairs: one for each case: what the first and the second came to on it.
        seed: of the resampling; the same pairs and seed give the same interval.
    """
    if not pairs:
        return Interval(value=0.0, low=-1.0, high=1.0)
    differences = [second - first for first, second in pairs]
    mean, count = sum(differences) / len(differences), len(differences)
    draw = random.Random(seed)  # noqa: S311  it resamples, and keeps no secret
    means = sorted(sum(draw.choices(differences, k=count)) / count for _ in range(RESAMPLES))
    low, high = means[int(0.025 * RESAMPLES)], means[math.ceil(0.975 * RESAMPLES) - 1]
    return Interval(value=mean, low=min(low, mean), high=max(high, mean))


def pass_at_k(attempts: int, good: int, k: int) -> float:
    """Return the chance that one of ``k`` attempts, drawn from those that were made, is good."""
    if not 0 < k <= attempts or not 0 <= good <= attempts:
        raise ValueError(f"{k} of {attempts} attempts, {good} of them good")
    return 1.0 - math.comb(attempts - good, k) / math.comb(attempts, k)
