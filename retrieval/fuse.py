"""Several rankings become one: reciprocal rank fusion. Pure.

Cormack, Clarke and Büttcher, *Reciprocal rank fusion outperforms Condorcet and individual rank
learning methods*, SIGIR 2009. Ranks count, scores do not, so rankings need no common scale.
"""

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

T = TypeVar("T", bound=Hashable)

K = 60


def fuse(rankings: Iterable[tuple[Sequence[T], float]], *, k: int = K) -> list[tuple[T, float]]:
    """Return every item with its score Σ weight / (k + rank), best first; ranks start at 1.

    An item that a ranking names twice counts once, at its better rank. Equal scores keep the order
    in which the items were first named.
    """
    scores: dict[T, float] = {}
    for ranking, weight in rankings:
        for rank, item in enumerate(dict.fromkeys(ranking), 1):
            scores[item] = scores.get(item, 0.0) + weight / (k + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])
