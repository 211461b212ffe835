"""Analysis of a file: its chunks with their weighted terms, and what it defines. Pure."""

import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from retrieval.chunks import Chunk, chunk
from retrieval.repomap import Definition, Symbols, uses_of
from retrieval.terms import bag, size, weighted

NAME_WEIGHT = 4.0
PATH_WEIGHT = 2.0
_DECLARED, _DECLARATION_ENDS = 6, (":", "{", ";", "=>")
"""Lines that a declaration has at most, and how its last one ends."""
_FUNCTIONS = re.compile(r"(?m)^[ \t]*(?:async|pub|export|static)?[ \t]*(?:def|fn|func|function)[ \t][^\n]{1,200}")
_ABOVE = ("#", "//", "/*", "*", "@")
"""How lines begin that stand above what they describe."""


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
    declared: tuple[frozenset[str], ...] = ()
    """The terms of the lines that declare each chunk: its name, its parameters, their types."""


def index_file(path: str, text: str, *, known: dict[str, tuple[str, ...]] | None = None) -> Indexed:
    """Cut and count one file. ``known``: see ``terms.bag``."""
    chunks, known = chunk(path, text), {} if known is None else known
    bags = tuple(weighted((c.text, 1.0), (c.name, NAME_WEIGHT), (path, PATH_WEIGHT), known=known) for c in chunks)
    definitions: dict[str, Definition] = {}
    declared: list[frozenset[str]] = []
    for c in chunks:
        terms: frozenset[str] = frozenset()
        if c.name and (c.name not in definitions or c.function):
            # Comments and attributes stand above the line that declares something.
            lines = c.text.split("\n")
            at = next((i for i, line in enumerate(lines) if not line.strip().startswith(_ABOVE)), 0)
            definitions.setdefault(c.name, Definition(c.name, c.start_line + at, lines[at].strip()[:160]))
            # A class that is kept whole declares what its methods do, too.
            inner = () if c.function else _FUNCTIONS.findall(c.text)
            head = lines[at : at + _DECLARED]
            last = next((i for i, line in enumerate(head) if line.rstrip().endswith(_DECLARATION_ENDS)), 0)
            terms = frozenset(bag("\n".join((*head[: last + 1], *inner)), known=known))
        declared.append(terms)
    symbols = Symbols(path, tuple(definitions.values()), uses_of(text))
    return Indexed(text, symbols, chunks, bags, tuple(map(size, bags)), tuple(declared))


def without_text(file: Indexed) -> Indexed:
    """The file without its text, which is what takes the room."""
    chunks = tuple(replace(chunk, text="") for chunk in file.chunks)
    return replace(file, text="", symbols=Symbols(file.symbols.path, (), {}), chunks=chunks)


def packed(file: Indexed) -> bytes:
    """A file's record: where its chunks lie, what they are called, what they say; none of its text in order."""
    rows = [
        [c.start_line, c.end_line, c.name, c.function, counts, sorted(terms)]
        for c, counts, terms in zip(file.chunks, file.bags, file.declared, strict=True)
    ]
    return zlib.compress(json.dumps(rows, ensure_ascii=False, separators=(",", ":")).encode(errors="replace"), 1)


def unpacked(path: str, record: bytes) -> Indexed:
    """What ``packed`` kept of a file: chunks without text."""
    rows = json.loads(zlib.decompress(record))
    chunks = tuple(Chunk(path, first, last, "", name, function) for first, last, name, function, *_ in rows)
    bags = tuple(counts for *_, counts, _ in rows)
    declared = tuple(frozenset(terms) for *_, terms in rows)
    return Indexed("", Symbols(path, (), {}), chunks, bags, tuple(map(size, bags)), declared)
