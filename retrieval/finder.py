"""Find the passages of a repository that a task is about."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domain import SignoffError
from retrieval import words
from retrieval.clues import Clues, clues
from retrieval.contract import Passage, Reads
from retrieval.fitting import Piece, fit, join
from retrieval.ranking import Corpus, rank
from retrieval.repomap import outline, ranks
from retrieval.shelf import Indexed, Shelf
from retrieval.worth import is_text, worth_reading

AT_ONCE = 32
"""Files that are read at the same time."""


@dataclass(frozen=True, slots=True)
class Finder:
    """Search one tree. Works without any download; pass the same ``shelf`` again to search it faster."""

    reads: Reads
    shelf: Shelf = field(default_factory=Shelf, kw_only=True)
    seconds: float = field(default=20.0, kw_only=True)
    """Reading and cutting stop after this; what was read by then is searched."""
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True)

    async def find(self, query: str, *, hints: Sequence[str] = (), budget_tokens: int) -> tuple[Passage, ...]:
        """Return the passages that ``query`` is about, best first, within a budget of tokens.

        ``query`` is free text: a task, the output of a failed command, or both. ``hints`` are paths or
        names worth looking at. Files that cannot be read are passed over; no repository is an error.
        """
        paths = tuple(await self.reads.files())
        told = clues(query, hints, paths)
        files = await self._read(worth_reading(paths, first=told.files))
        return await asyncio.to_thread(_search, files, query, hints, told, budget_tokens)

    async def map(self, *, focus: Sequence[str] = (), budget_tokens: int) -> str:
        """Return an outline of the tree: its weightiest files and what they define, seen from ``focus`` (paths)."""
        files = await self._read(worth_reading(tuple(await self.reads.files()), first=focus))
        symbols = [file.symbols for file in files if file.symbols.definitions]
        weights = ranks(symbols, dict.fromkeys(focus, 1.0))
        return outline(symbols, weights, budget_tokens=budget_tokens)

    async def _read(self, paths: Sequence[str]) -> list[Indexed]:
        until = self.clock() + self.seconds
        files: list[Indexed] = []
        for start in range(0, len(paths), AT_ONCE):
            if self.clock() > until:
                break
            batch = paths[start : start + AT_ONCE]
            datas = await asyncio.gather(*(self._bytes(path) for path in batch))
            texts = [(path, data) for path, data in zip(batch, datas, strict=True) if data is not None]
            files += await asyncio.to_thread(self._index, texts)
        return files

    async def _bytes(self, path: str) -> bytes | None:
        try:
            data = await self.reads.read(path)
        except SignoffError:
            # A submodule, a dangling link, a file over the store's own limit: searched without it.
            return None
        return data if is_text(data) else None

    def _index(self, texts: Sequence[tuple[str, bytes]]) -> list[Indexed]:
        return [self.shelf.index(path, data) for path, data in texts]


def _search(
    files: Sequence[Indexed], query: str, hints: Sequence[str], told: Clues, budget_tokens: int
) -> tuple[Passage, ...]:
    corpus = Corpus.of(files)
    ranked = rank(corpus, words.query("\n".join((query, *hints))), told)
    pieces = join(fit(ranked, budget_tokens=budget_tokens, near=told.near))
    texts = {file.symbols.path: file.text for file in files}
    return tuple(_passage(piece, texts[piece.path]) for piece in pieces)


def _passage(piece: Piece, text: str) -> Passage:
    lines = text.split("\n")[piece.first - 1 : piece.last]
    return Passage(path=piece.path, start_line=piece.first, end_line=piece.last, text="\n".join(lines),
                   score=piece.score, why=piece.why)  # fmt: skip
