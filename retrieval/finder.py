"""Find the passages of a repository that a task is about."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from retrieval import words
from retrieval.clues import Clues, clues
from retrieval.contract import Passage, Reads
from retrieval.fitting import Piece, fit, join
from retrieval.ranking import Corpus, rank
from retrieval.reading import Reading, Text
from retrieval.repomap import outline, ranks
from retrieval.shelf import Indexed, Shelf
from retrieval.sift import sift
from retrieval.worth import worth_reading

INDEXED = 200
"""Files that are cut into chunks for one question; of a larger tree the others are only sifted."""
MAPPED = 600
"""Files that a map is drawn from."""
AROUND = 8
"""Lines above and below a line that failed, whose names count as words of the question."""


@dataclass(frozen=True, slots=True)
class Finder:
    """Search one tree. Works without any download; pass the same ``shelf`` again to search it faster."""

    reads: Reads
    shelf: Shelf = field(default_factory=Shelf, kw_only=True)
    seconds: float = field(default=20.0, kw_only=True)
    """Reading stops after this; what was read by then is searched."""
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True)

    async def find(self, query: str, *, hints: Sequence[str] = (), budget_tokens: int) -> tuple[Passage, ...]:
        """Return the passages that ``query`` is about, best first, within a budget of tokens.

        ``query`` is free text: a task, the output of a failed command, or both. ``hints`` are paths or
        names worth looking at. Files that cannot be read are passed over; no repository is an error.
        """
        paths = tuple(await self.reads.files())
        told = clues(query, hints, paths)
        texts = await self._texts(worth_reading(paths, first=told.files))
        return await asyncio.to_thread(self._search, texts, "\n".join((query, *hints)), told, budget_tokens)

    async def map(self, *, focus: Sequence[str] = (), budget_tokens: int) -> str:
        """Return an outline of the tree: its weightiest files and what they define, seen from ``focus`` (paths)."""
        paths = worth_reading(tuple(await self.reads.files()), first=focus, limit=MAPPED)
        files = await asyncio.to_thread(self._index, await self._texts(paths))
        symbols = [file.symbols for file in files if file.symbols.definitions]
        weights = ranks(symbols, dict.fromkeys(focus, 1.0))
        return outline(symbols, weights, budget_tokens=budget_tokens)

    async def _texts(self, paths: Sequence[str]) -> list[Text]:
        return await Reading(reads=self.reads, clock=self.clock).texts(paths, until=self.clock() + self.seconds)

    def _index(self, texts: Sequence[Text]) -> list[Indexed]:
        return [self.shelf.index(path, data) for path, data in texts]

    def _search(self, texts: Sequence[Text], query: str, told: Clues, budget_tokens: int) -> tuple[Passage, ...]:
        terms = words.query(query)
        files = self._index(chosen(texts, terms, told))
        pieces = join(fit(rank(Corpus.of(files), terms, told), budget_tokens=budget_tokens, near=told.near))
        lines = {file.symbols.path: file.text for file in files}
        return tuple(_passage(piece, lines[piece.path]) for piece in pieces)


def chosen(texts: Sequence[Text], terms: Mapping[str, float], told: Clues, *, most: int = INDEXED) -> list[Text]:
    """Return the files to search closely: those that are named, then those that say most about the question."""
    if len(texts) <= most:
        return list(texts)
    nearby = words.bag("\n".join(_around(data, told.near.get(path, ())) for path, data in texts))
    wanted = {**{term: 0.5 for term in nearby if term not in words.STOP}, **terms}
    named = [index for index, (path, _) in enumerate(texts) if path in told.files]
    order = dict.fromkeys([*named, *sift(texts, wanted, keep=most)])
    return [texts[index] for index in order][:most]


def _around(data: bytes, lines: Sequence[int]) -> str:
    """The lines of a file around those that the question names."""
    rows = data.decode(errors="replace").split("\n") if lines else []
    return "\n".join(row for line in lines for row in rows[max(0, line - AROUND) : line + AROUND])


def _passage(piece: Piece, text: str) -> Passage:
    lines = text.split("\n")[piece.first - 1 : piece.last]
    return Passage(
        path=piece.path,
        start_line=piece.first,
        end_line=piece.last,
        text="\n".join(lines),
        score=piece.score,
        why=piece.why,
    )
