"""Analysis of a file: its chunks with their weighted terms, and what it defines. Pure."""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from retrieval.chunks import Chunk, chunk
from retrieval.repomap import Definition, Symbols, uses_of
from retrieval.terms import size, weighted

NAME_WEIGHT = 4.0
PATH_WEIGHT = 2.0


@dataclass(frozen=True, slots=True)
class Indexed:
    """One file, ready to be searched."""

    text: str
    """Empty where only what was counted was kept."""
    symbols: Symbols
    chunks: tuple[Chunk, ...]
    bags: tuple[Mapping[str, float], ...]
    """Weighted term counts, one a chunk."""
    sizes: tuple[float, ...]
    """Their sums."""


def index_file(path: str, text: str, *, known: dict[str, tuple[str, ...]] | None = None) -> Indexed:
    """Cut and count one file. ``known``: see ``terms.bag``."""
    chunks, known = chunk(path, text), {} if known is None else known
    bags = tuple(weighted((c.text, 1.0), (c.name, NAME_WEIGHT), (path, PATH_WEIGHT), known=known) for c in chunks)
    definitions: dict[str, Definition] = {}
    for c in chunks:
        if c.name and c.name not in definitions:
            # Comments and attributes stand above the line that declares something.
            lines = c.text.split("\n")
            plain = (i for i, line in enumerate(lines) if not line.strip().startswith(("#", "//", "/*", "*", "@")))
            at = next(plain, 0)
            definitions[c.name] = Definition(c.name, c.start_line + at, lines[at].strip()[:160])
    symbols = Symbols(path, tuple(definitions.values()), uses_of(text))
    return Indexed(text, symbols, chunks, bags, tuple(map(size, bags)))


def without_text(file: Indexed) -> Indexed:
    """The file without its text, which is what takes the room."""
    chunks = tuple(replace(chunk, text="") for chunk in file.chunks)
    return replace(file, text="", symbols=Symbols(file.symbols.path, (), {}), chunks=chunks)


def packed(file: Indexed) -> bytes:
    """A file's record: where its chunks lie, what they are called, what they say; none of its text in order."""
    rows = [[c.start_line, c.end_line, c.name, bag] for c, bag in zip(file.chunks, file.bags, strict=True)]
    return zlib.compress(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"), 1)


def unpacked(path: str, record: bytes) -> Indexed:
    """What ``packed`` kept of a file: chunks without text."""
    rows = json.loads(zlib.decompress(record))
    chunks = tuple(Chunk(path, first, last, "", name) for first, last, name, _ in rows)
    bags = tuple(bag for *_, bag in rows)
    return Indexed("", Symbols(path, (), {}), chunks, bags, tuple(map(size, bags)))
