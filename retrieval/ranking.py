"""Which chunks a question is about: four rankings, fused. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from domain import is_test
from retrieval.chunks import Chunk
from retrieval.clues import Clues, at_lines, called_by
from retrieval.fuse import fuse
from retrieval.lexical import Bm25
from retrieval.repomap import Symbols
from retrieval.shelf import Indexed

LEXICAL = 200
"""How many lexical hits take part in the fusion."""
TEST = 0.6
"""What the words of a test weigh: it says what the code is for, but is seldom what must change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Everything that is searched; a chunk is known by its index."""

    chunks: Sequence[Chunk]
    bags: Sequence[Mapping[str, float]]
    sizes: Sequence[float]
    symbols: Sequence[Symbols]

    @classmethod
    def of(cls, files: Sequence[Indexed]) -> "Corpus":
        return cls(
            chunks=[c for file in files for c in file.chunks],
            bags=[bag for file in files for bag in file.bags],
            sizes=[size for file in files for size in file.sizes],
            symbols=[file.symbols for file in files],
        )


def rank(corpus: Corpus, terms: Mapping[str, float], told: Clues) -> Iterator[tuple[Chunk, float, str]]:
    """Yield (chunk, score, why), best first.

    The rankings: lines that the question names; what the code there uses; files it names; words (BM25).
    The weight of files in the repository (``repomap``) was tried as a fifth and lost three points of recall.
    """
    # The chunks that share words with the question, best first.
    scores = Bm25(corpus.bags, corpus.sizes).scores(terms)
    hits = {index: score for index, score in enumerate(scores) if score > 0}
    weighed = {index: score * (TEST if is_test(corpus.chunks[index].path) else 1.0) for index, score in hits.items()}
    lexical = sorted(weighed, key=lambda index: -weighed[index])[:LEXICAL]
    failing = at_lines(corpus.chunks, told.lines)
    # The chunks of these files: lexical hits first.
    wanted = frozenset(told.files)
    hits = [index for index in lexical if corpus.chunks[index].path in wanted]
    named = list(dict.fromkeys([*hits, *(i for i, c in enumerate(corpus.chunks) if c.path in wanted)]))
    nearby = called_by(corpus.chunks, failing or named[:3])
    why = _Why(corpus, terms, frozenset(failing), frozenset(nearby), frozenset(named))
    for index, score in fuse([(failing, 3.0), (nearby, 1.0), (named, 1.0), (lexical, 1.5)]):
        yield corpus.chunks[index], score, why.of(index)


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
