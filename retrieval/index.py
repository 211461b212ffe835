"""Index of files, cached by the hash of their content: what was read once is not cut and counted again."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b

from retrieval.chunks import Chunk, chunk
from retrieval.repomap import Definition, Symbols, uses_of
from retrieval.terms import size, weighted

NAME_WEIGHT = 4.0
PATH_WEIGHT = 2.0
MOST_BYTES = 64 * 1024 * 1024
"""Source text whose index is kept; the index itself takes several times that."""
MOST_WORDS = 200_000


@dataclass(frozen=True, slots=True)
class Indexed:
    """One file, ready to be searched."""

    text: str
    symbols: Symbols
    chunks: tuple[Chunk, ...]
    bags: tuple[Mapping[str, float], ...]
    """Weighted term counts, one a chunk."""
    sizes: tuple[float, ...]
    """Their sums."""


@dataclass(slots=True, kw_only=True)
class IndexCache:
    """Keeps indexed files, the least recently used ones going first. Share one as long as the process lives."""

    most_bytes: int = MOST_BYTES
    _words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    _kept: OrderedDict[bytes, tuple[Indexed, int]] = field(default_factory=OrderedDict)
    _bytes: int = 0

    def index(self, path: str, data: bytes) -> Indexed:
        """Return the file's index, made now if this content under this path was not seen before."""
        key = blake2b(path.encode() + b"\0" + data, digest_size=16).digest()
        if (entry := self._kept.pop(key, None)) is None:
            # Most words come again at once, so that starting over is cheaper than knowing which were used.
            if len(self._words) > MOST_WORDS:
                self._words.clear()
            entry = index_file(path, data.decode(errors="replace"), known=self._words), len(data)
            self._bytes += len(data)
        self._kept[key] = entry
        while self._bytes > self.most_bytes and len(self._kept) > 1:
            _, (_, size) = self._kept.popitem(last=False)
            self._bytes -= size
        return entry[0]


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
