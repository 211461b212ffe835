"""Best first without making everything first: what is only bounded is opened when its turn comes. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heappush
from typing import Any, NamedTuple


class Closed(NamedTuple):
    """Something that opens into more, none of it better than ``bound``."""

    bound: float
    opened: Callable[[], Iterable[Any]]


def best_first(start: Iterable[Any]) -> Iterator[Any]:
    """Everything in falling order, as far as the bounds hold; equal ones in the order of their coming.

    What is handed out is a tuple that starts with its score; a ``Closed`` never is.
    """
    waiting = [(-entry[0], isinstance(entry, Closed), place, entry) for place, entry in enumerate(start)]
    heapify(waiting)
    count = len(waiting)
    while waiting:
        _, closed, _, entry = heappop(waiting)
        if not closed:
            yield entry
            continue
        for inner in entry.opened():
            heappush(waiting, (-inner[0], isinstance(inner, Closed), count, inner))
            count += 1
