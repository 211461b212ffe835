"""Finder: the passages of a repository that a task is about."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from retrieval.bm25 import prefilter
from retrieval.contract import Passage, Reads
from retrieval.file_filter import select_files
from retrieval.file_reader import BoundedReader, Text
from retrieval.index import IndexCache, Indexed
from retrieval.mentions import QueryMentions, mentions
from retrieval.packing import fit, join
from retrieval.ranking import Corpus, rank
from retrieval.repomap import outline, ranks
from retrieval.terms import STOP, bag, query_terms

INDEXED = 200
"""Files that are cut into chunks for one question; of a larger tree the others are only sifted."""
MAPPED = 600
"""Files that a map is drawn from."""
AROUND = 8
"""Lines above and below a line that failed, whose names count as words of the question."""


@dataclass(frozen=True, slots=True)
class Finder:
    """Search one tree. Works without any download; pass the same ``cache`` again to search it faster."""

    reads: Reads
    cache: IndexCache = field(default_factory=IndexCache, kw_only=True)
    seconds: float = field(default=20.0, kw_only=True)
    """Reading stops after this; what was read by then is searched."""
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True)

    async def find(self, query: str, *, hints: Sequence[str] = (), budget_tokens: int) -> tuple[Passage, ...]:
        """Return the passages that ``query`` is about, best first, within a budget of tokens.

        ``query`` is free text: a task, the output of a failed command, or both. ``hints`` are paths or
        names worth looking at. Files that cannot be read are passed over; no repository is an error.
        """
        paths = tuple(await self.reads.files())
        mentioned = mentions(query, hints, paths)
        texts = await self._texts(select_files(paths, first=mentioned.files))

        def search() -> tuple[Passage, ...]:
            terms = query_terms("\n".join((query, *hints)))
            files = self._index(chosen(texts, terms, mentioned))
            ranked = rank(Corpus.of(files), terms, mentioned)
            lines = {file.symbols.path: file.text.split("\n") for file in files}
            return tuple(
                Passage(
                    path=excerpt.path,
                    start_line=excerpt.first,
                    end_line=excerpt.last,
                    text="\n".join(lines[excerpt.path][excerpt.first - 1 : excerpt.last]),
                    score=excerpt.score,
                    why=excerpt.why,
                )
                for excerpt in join(fit(ranked, budget_tokens=budget_tokens, near=mentioned.near))
            )

        # Cutting and counting keeps a processor busy: beside the event loop.
        return await asyncio.to_thread(search)

    async def map(self, *, focus: Sequence[str] = (), budget_tokens: int) -> str:
        """Return an outline of the tree: its weightiest files and what they define, seen from ``focus`` (paths)."""
        paths = select_files(tuple(await self.reads.files()), first=focus, limit=MAPPED)
        files = await asyncio.to_thread(self._index, await self._texts(paths))
        symbols = [file.symbols for file in files if file.symbols.definitions]
        weights = ranks(symbols, dict.fromkeys(focus, 1.0))
        return outline(symbols, weights, budget_tokens=budget_tokens)

    async def _texts(self, paths: Sequence[str]) -> list[Text]:
        return await BoundedReader(reads=self.reads, clock=self.clock).texts(paths, until=self.clock() + self.seconds)

    def _index(self, texts: Sequence[Text]) -> list[Indexed]:
        return [self.cache.index(path, data) for path, data in texts]


def chosen(
    texts: Sequence[Text], terms: Mapping[str, float], mentioned: QueryMentions, *, most: int = INDEXED
) -> list[Text]:
    """Return the files to search closely: those that are named, then those that say most about the question."""
    if len(texts) <= most:
        return list(texts)
    # Names around a line that failed are words of the question, too: they lead to the code that it calls.
    around: list[str] = []
    for path, data in texts:
        if lines := mentioned.near.get(path):
            rows = data.decode(errors="replace").split("\n")
            around += [row for line in lines for row in rows[max(0, line - AROUND) : line + AROUND]]
    weights = {**{term: 0.5 for term in bag("\n".join(around)) if term not in STOP}, **terms}
    named = [index for index, (path, _) in enumerate(texts) if path in mentioned.files]
    order = dict.fromkeys([*named, *prefilter(texts, weights, keep=most)])
    return [texts[index] for index in order][:most]
