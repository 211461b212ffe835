"""Cut lines into pieces of bounded length, at blank lines where there are some. Pure."""

from collections.abc import Iterator, Sequence

MAX_LINES = 60


def windows(lines: Sequence[str], start: int, stop: int, *, limit: int = MAX_LINES) -> Iterator[tuple[int, int]]:
    """Yield (first, after last) of pieces of ``lines[start:stop]``, blank lines at their edges left out.

    No piece is longer than ``limit`` lines; a piece ends at the last blank line of its second half
    if there is one. Every line that is not blank is in exactly one piece.
    """
    while start < stop:
        if not lines[start].strip():
            start += 1
            continue
        end = min(start + limit, stop)
        if end < stop:
            middle = start + limit // 2
            end = next((i for i in range(end, middle, -1) if not lines[i - 1].strip()), end)
        last = end
        while not lines[last - 1].strip():
            last -= 1
        yield start, last
        start = end
