"""Finder: the passages of a repository that a task is about."""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice

from opentelemetry import trace

from retrieval.chunks import Chunk
from retrieval.contract import Passage, Reads, Versioned
from retrieval.file_filter import MAX_FILES, path_weight, select_files
from retrieval.file_reader import BoundedReader, LoadedTexts, Text
from retrieval.index import CodeIndex, Coverage, Indexed, IndexLost, Progress, index_file
from retrieval.mentions import QueryMentions, mentions
from retrieval.packing import fit, join
from retrieval.ranking import Corpus, rank
from retrieval.repomap import outline, ranks
from retrieval.terms import STOP, bag, query_terms, telling

CANDIDATES = 100
"""Files whose chunks are ranked for one question."""
RANKED = 150
"""Chunks of which passages are made."""
MAPPED = 600
"""Files that a map is drawn from."""
_FEW = 200
AROUND = 8
"""Lines above and below a line that failed, whose names count as words of the question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankedChunks:
    """What a question led to, before a budget cuts it."""

    chunks: tuple[tuple[Chunk, float, str], ...]
    """Chunk (with its text), score and why, best first."""
    mentioned: QueryMentions
    coverage: Coverage


@dataclass(frozen=True, slots=True)
class Finder:
    """Search one tree. Pass the same ``index`` again, and what was read once is not read anew."""

    reads: Reads
    index: CodeIndex = field(default_factory=lambda: CodeIndex(weigh=path_weight), kw_only=True)
    seconds: float = field(default=20.0, kw_only=True)
    """Reading stops after this; what was read by then is searched, and the next question goes on from there."""
    progress: Progress | None = field(default=None, kw_only=True)
    clock: Callable[[], float] = field(default=time.monotonic, kw_only=True)

    async def find(
        self, query: str, *, hints: Sequence[str] = (), budget_tokens: int, within: Sequence[str] | None = None
    ) -> tuple[Passage, ...]:
        """Return the passages that ``query`` is about, best first, within a budget of tokens.

        ``query`` is free text: a task, the output of a failed command, or both. ``hints`` are paths or
        names worth looking at; ``within`` are the only files that are searched, if given. Files that cannot be read
        are passed over; no repository is an error.
        """
        return passages_of(await self.ranked(query, hints=hints, within=within), budget_tokens=budget_tokens)

    async def ranked(
        self, query: str, *, hints: Sequence[str] = (), within: Sequence[str] | None = None
    ) -> RankedChunks:
        """Return the chunks that a question is about, best first, and what of the tree was searched."""
        try:
            return await self._ranked(query, hints, within)
        except IndexLost:
            return await self._ranked(query, hints, within)

    async def _ranked(self, query: str, hints: Sequence[str], within: Sequence[str] | None) -> RankedChunks:
        reads, versions, mentioned = await self._tree(query, hints)
        private = await reads.private() if isinstance(reads, Versioned) else frozenset[str]()
        if within is not None:
            versions = {path: versions[path] for path in within if path in versions}
            mentioned = QueryMentions(
                tuple(each for each in mentioned.lines if each[0] in versions),
                tuple(path for path in mentioned.files if path in versions),
            )
        # Vendored and generated files are searched where somebody names their folder.
        first = mentioned.files if within is None or len(within) > _FEW else tuple(versions)
        until = self.clock() + self.seconds
        coverage = await self.index.update(
            reads, versions, first=first, private=private, until=until, clock=self.clock, progress=self.progress
        )
        counts = {"app.cache.hit": max(0, coverage.files - coverage.added), "app.cache.miss": coverage.added}
        trace.get_current_span().add_event("cache", {"app.cache.kind": "index", **counts})
        terms = telling(query_terms("\n".join((query, *hints))))
        texts = dict(await self._read(reads, mentioned.files))
        # Names around a line that failed are words of the question, too: they lead to the code that it calls.
        around: list[str] = []
        for path, lines in mentioned.near.items():
            rows = texts.get(path, b"").decode(errors="replace").split("\n")
            around += [row for line in lines for row in rows[max(0, line - AROUND) : line + AROUND]]
        weights = {**{term: 0.5 for term in bag("\n".join(around)) if term not in STOP}, **terms}
        hits = await asyncio.to_thread(self.index.best, weights, versions, keep=CANDIDATES)
        candidates = tuple(dict.fromkeys([*mentioned.files, *hits.files]))[:CANDIDATES]
        records = await self.index.records(reads, versions, candidates)
        files = [with_text(record, texts[path]) if path in texts else record for path, record in records.items()]
        ranked = await asyncio.to_thread(lambda: tuple(islice(rank(Corpus.of(files, hits), terms, mentioned), RANKED)))
        missing = dict.fromkeys(chunk.path for chunk, _, _ in ranked if not chunk.text)
        texts |= dict(await self._read(reads, [path for path in missing if path not in texts]))
        lines = {path: data.decode(errors="replace").split("\n") for path, data in texts.items()}
        chunks = (
            (chunk if chunk.text else _with_lines(chunk, lines.get(chunk.path, ())), score, why)
            for chunk, score, why in ranked
        )
        return RankedChunks(
            chunks=tuple(entry for entry in chunks if entry[0].text), mentioned=mentioned, coverage=coverage
        )

    async def map(self, *, focus: Sequence[str] = (), budget_tokens: int) -> str:
        """Return an outline of the tree: its weightiest files and what they define, seen from ``focus`` (paths)."""
        paths = select_files(tuple(await self.reads.files()), first=focus, limit=MAPPED)
        texts = await self._read(self.reads, paths)
        symbols = await asyncio.to_thread(
            lambda: [index_file(path, data.decode(errors="replace")).symbols for path, data in texts]
        )
        defining = [file for file in symbols if file.definitions]
        return outline(defining, ranks(defining, dict.fromkeys(focus, 1.0)), budget_tokens=budget_tokens)

    async def _tree(self, query: str, hints: Sequence[str]) -> tuple[Reads, Mapping[str, str], QueryMentions]:
        """What is read from, the hashes of the contents by path, and what of them the question names."""
        if isinstance(self.reads, Versioned):
            versions = await self.reads.versions()
            return self.reads, versions, mentions(query, hints, tuple(versions))
        files = tuple(await self.reads.files())
        mentioned = mentions(query, hints, files)
        texts = dict(await self._read(self.reads, select_files(files, first=mentioned.files, limit=MAX_FILES)))
        loaded = LoadedTexts(texts)
        return loaded, await loaded.versions(), mentioned

    async def _read(self, reads: Reads, paths: Sequence[str]) -> list[Text]:
        return await BoundedReader(reads=reads, clock=self.clock).texts(paths, until=self.clock() + self.seconds)


def passages_of(ranked: RankedChunks, *, budget_tokens: int) -> tuple[Passage, ...]:
    """Fill a budget of tokens with the best chunks, neighbours joined."""
    lines: dict[str, dict[int, str]] = {}
    for chunk, _, _ in ranked.chunks:
        lines.setdefault(chunk.path, {}).update(enumerate(chunk.text.split("\n"), chunk.start_line))
    excerpts = join(fit(ranked.chunks, budget_tokens=budget_tokens, near=ranked.mentioned.near))
    return tuple(
        Passage(
            path=excerpt.path,
            start_line=excerpt.first,
            end_line=excerpt.last,
            # Lines between two chunks are blank.
            text="\n".join(lines[excerpt.path].get(line, "") for line in range(excerpt.first, excerpt.last + 1)),
            score=excerpt.score,
            why=excerpt.why,
        )
        for excerpt in excerpts
    )


def with_text(file: Indexed, data: bytes) -> Indexed:
    lines = data.decode(errors="replace").split("\n")
    return replace(file, chunks=tuple(_with_lines(chunk, lines) for chunk in file.chunks))


def _with_lines(chunk: Chunk, lines: Sequence[str]) -> Chunk:
    """The chunk with its text. Where masks changed how many lines there are, it ends where the file does."""
    text = "\n".join(lines[chunk.start_line - 1 : chunk.end_line])
    return replace(chunk, text=text, end_line=max(chunk.start_line, min(chunk.end_line, len(lines))))
