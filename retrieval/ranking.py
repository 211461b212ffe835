"""Which chunks a question is about: five rankings, fused. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from retrieval.chunks import Chunk
from retrieval.clues import Clues, at_lines, called_by
from retrieval.fuse import fuse
from retrieval.lexical import Bm25
from retrieval.repomap import Symbols, ranks
from retrieval.shelf import Indexed

LEXICAL = 200
"""How many lexical hits take part in the fusion."""
FOCUS = 20
"""How many of them say where the walk over the repository starts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Everything that is searched; a chunk is known by its index."""

    chunks: Sequence[Chunk]
    bags: Sequence[Mapping[str, float]]
    symbols: Sequence[Symbols]

    @classmethod
    def of(cls, files: Sequence[Indexed]) -> "Corpus":
        return cls(
            chunks=[c for file in files for c in file.chunks],
            bags=[bag for file in files for bag in file.bags],
            symbols=[file.symbols for file in files],
        )


def rank(corpus: Corpus, terms: Mapping[str, float], told: Clues) -> Iterator[tuple[Chunk, float, str]]:
    """Yield (chunk, score, why), best first.

    The rankings: lines that the question names; what the code there uses; files it names; words
    (BM25); and the words' hits again by the weight of their files in the repository.
    """
    lexical = [index for index, _ in Bm25(corpus.bags).rank(terms, limit=LEXICAL)]
    failing = at_lines(corpus.chunks, told.lines)
    named = _in_files(corpus, told.files, lexical)
    nearby = called_by(corpus.chunks, failing or named[:3])
    weighty = _weighty(corpus, lexical, told)
    why = _Why(corpus, terms, frozenset(failing), frozenset(nearby), frozenset(named))
    for index, score in fuse([(failing, 3.0), (nearby, 1.0), (named, 1.0), (lexical, 1.5), (weighty, 0.5)]):
        yield corpus.chunks[index], score, why.of(index)


def _in_files(corpus: Corpus, files: Sequence[str], lexical: Sequence[int]) -> list[int]:
    """The chunks of these files: lexical hits first."""
    wanted = frozenset(files)
    hits = [index for index in lexical if corpus.chunks[index].path in wanted]
    return list(dict.fromkeys([*hits, *(i for i, c in enumerate(corpus.chunks) if c.path in wanted)]))


def _weighty(corpus: Corpus, lexical: Sequence[int], told: Clues) -> list[int]:
    """The lexical hits again, by the weight of their file as seen from the best hits."""
    focus: dict[str, float] = {}
    for place, index in enumerate(lexical[:FOCUS], 1):
        focus.setdefault(corpus.chunks[index].path, 1 / place)
    focus |= dict.fromkeys(told.files, 1.0)
    weights = ranks(corpus.symbols, focus)
    return sorted(lexical, key=lambda index: -weights.get(corpus.chunks[index].path, 0.0))


@dataclass(frozen=True, slots=True)
class _Why:
    """Says in a few words what brought a chunk here."""

    corpus: Corpus
    terms: Mapping[str, float]
    failing: frozenset[int]
    nearby: frozenset[int]
    named: frozenset[int]

    def of(self, index: int) -> str:
        if index in self.failing:
            return "named in the output"
        if index in self.nearby:
            return "used by the code that failed" if self.failing else "used by a file that was named"
        if index in self.named:
            return "in a file that was named"
        bag = self.corpus.bags[index]
        shared = sorted(bag.keys() & self.terms.keys(), key=lambda term: (-self.terms[term] * bag[term], term))
        return "says " + ", ".join(shared[:4])
