"""Packing: a budget of tokens is filled with the best passages, neighbours joined. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from retrieval.chunks import Chunk

CHARS_PER_TOKEN = 3
"""As low as models' tokenizers go on code, so that a budget is never overrun."""
OVERHEAD = 12
"""Tokens that citing a passage takes."""
MOST = 40
SHARE = 0.2
"""No passage takes more than this share of the budget."""
LEAST = 60
"""A piece of a chunk smaller than this, in tokens, is not worth showing."""


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Rows of a file that were chosen: ``first`` to ``last`` (lines from 1, inclusive)."""

    path: str
    first: int
    last: int
    score: float
    why: str


def tokens(text: str) -> int:
    """Estimate of the tokens of ``text``, on the high side."""
    return len(text) // CHARS_PER_TOKEN + 1


def fit(
    ranked: Iterable[tuple[Chunk, float, str]], *, budget_tokens: int, near: Mapping[str, Sequence[int]]
) -> list[Excerpt]:
    """Choose chunks in their order until the budget is full; what is too long is cut around a telling line.

    ``near`` names, for a path, lines that a cut should keep in view.
    """
    left, chosen = budget_tokens, list[Excerpt]()
    for c, score, why in ranked:
        room = min(left, max(int(budget_tokens * SHARE), LEAST)) - OVERHEAD
        if left < LEAST or len(chosen) == MOST:
            break
        piece, cost = Excerpt(c.path, c.start_line, c.end_line, score, why), tokens(c.text)
        if cost > room:
            telling = (line for line in near.get(c.path, ()) if c.start_line <= line <= c.end_line)
            piece, cost = excerpt_around(c, room, next(telling, c.start_line), score, why)
        # What has no room is passed over: a shorter one further down may fit.
        if piece is not None:
            chosen.append(piece)
            left -= cost + OVERHEAD
    return chosen


def join(pieces: Sequence[Excerpt], *, gap: int = 2) -> list[Excerpt]:
    """Join pieces of one file that touch or leave out at most ``gap`` lines; best first again."""
    joined: list[Excerpt] = []
    for piece in sorted(pieces, key=lambda p: (p.path, p.first)):
        last = joined[-1] if joined else None
        if last is not None and last.path == piece.path and piece.first - last.last - 1 <= gap:
            best = last if last.score >= piece.score else piece
            joined[-1] = Excerpt(last.path, last.first, max(last.last, piece.last), best.score, best.why)
        else:
            joined.append(piece)
    return sorted(joined, key=lambda p: -p.score)


def excerpt_around(c: Chunk, room: int, line: int, score: float, why: str) -> tuple[Excerpt | None, int]:
    """As many lines around ``line`` as there is room for, and their tokens; None when that line is too long."""
    lines = c.text.split("\n")
    low, high = line - c.start_line, line - c.start_line + 1
    best = low, high
    while tokens("\n".join(lines[low:high])) <= room:
        best = low, high
        # Two lines down for one up: a definition goes on below the line that was named.
        grown = max(0, low - 1), min(len(lines), high + 2)
        if grown == (low, high):
            break
        low, high = grown
    text = "\n".join(lines[best[0] : best[1]])
    if tokens(text) > room:
        return None, 0
    return Excerpt(c.path, c.start_line + best[0], c.start_line + best[1] - 1, score, why), tokens(text)
