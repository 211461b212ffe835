"""Line matching: which lines of a text are still there in another one. Pure, and never worse than n·log n.

Patience diff (Bram Cohen): lines that occur once on both sides are anchors; between two anchors it starts again.
Where no line is unique, the first of a kind is paired with the first, the second with the second.
"""

import itertools
from bisect import bisect_left
from collections.abc import Callable, Hashable, Sequence

Pairs = list[tuple[int, int]]
_Span = tuple[int, int, int, int]


def matching(old: Sequence[Hashable], new: Sequence[Hashable]) -> Pairs:
    """Return pairs of indices of equal lines, both rising."""
    pairs: Pairs = []
    waiting: list[_Span] = [(0, len(old), 0, len(new))]
    while waiting:
        first, last, start, stop = waiting.pop()
        # What is the same at both ends needs no search: most changes are a few lines of many.
        while first < last and start < stop and old[first] == new[start]:
            pairs.append((first, start))
            first, start = first + 1, start + 1
        while first < last and start < stop and old[last - 1] == new[stop - 1]:
            last, stop = last - 1, stop - 1
            pairs.append((last, stop))
        if first == last or start == stop:
            continue
        if anchors := _paired(old, new, (first, last, start, stop), unique_lines):
            gaps = [(first - 1, start - 1), *anchors, (last, stop)]
            waiting += [(a + 1, c, b + 1, d) for (a, b), (c, d) in itertools.pairwise(gaps)]
            pairs += anchors
        else:
            pairs += _paired(old, new, (first, last, start, stop), numbered_lines)
    return sorted(pairs)


_Places = dict[Hashable, int]
_Named = Callable[[Sequence[Hashable], int, int], _Places]


def unique_lines(lines: Sequence[Hashable], first: int, last: int) -> _Places:
    """Where each line stands that is there once."""
    places: _Places = {}
    for at in range(first, last):
        places[lines[at]] = -1 if lines[at] in places else at
    return {line: at for line, at in places.items() if at >= 0}


def numbered_lines(lines: Sequence[Hashable], first: int, last: int) -> _Places:
    """Where the first, second … of each kind stands."""
    seen: dict[Hashable, int] = {}
    places: _Places = {}
    for at in range(first, last):
        seen[lines[at]] = seen.get(lines[at], 0) + 1
        places[lines[at], seen[lines[at]]] = at
    return places


def _paired(old: Sequence[Hashable], new: Sequence[Hashable], span: _Span, named: _Named) -> Pairs:
    """The longest rising run of pairs with the same name (patience sorting)."""
    first, last, start, stop = span
    there = named(old, first, last)
    pairs = [(there[name], at) for name, at in named(new, start, stop).items() if name in there]
    pairs.sort(key=lambda pair: pair[1])
    ends: list[int] = []
    tops: list[int] = []
    before: list[int] = []
    for index, (at, _) in enumerate(pairs):
        pile = bisect_left(ends, at)
        if pile == len(ends):
            ends.append(at)
            tops.append(index)
        else:
            ends[pile], tops[pile] = at, index
        before.append(tops[pile - 1] if pile else -1)
    run: Pairs = []
    index = tops[-1] if tops else -1
    while index >= 0:
        run.append(pairs[index])
        index = before[index]
    return run[::-1]
