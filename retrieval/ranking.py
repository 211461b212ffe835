"""Ranking: which chunks a question is about, by four rankings that reciprocal rank fusion makes one. Pure.

Cormack, Clarke and Büttcher, *Reciprocal rank fusion outperforms Condorcet and individual rank
learning methods*, SIGIR 2009. Ranks count, scores do not, so rankings need no common scale.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from retrieval.bm25 import Bm25, rareness
from retrieval.chunks import Chunk
from retrieval.file_filter import path_weight
from retrieval.index import Hits, Indexed
from retrieval.mentions import QueryMentions, at_lines, called_by
from retrieval.terms import terms_of

T = TypeVar("T", bound=Hashable)

K = 60


def fuse(rankings: Iterable[tuple[Sequence[T], float]], *, k: int = K) -> list[tuple[T, float]]:
    """Return every item with its score Σ weight / (k + rank), best first; ranks start at 1.

    An item that a ranking names twice counts once, at its better rank. Equal scores keep the order
    in which the items were first named.
    """
    scores: dict[T, float] = {}
    for ranking, weight in rankings:
        for rank, item in enumerate(dict.fromkeys(ranking), 1):
            scores[item] = scores.get(item, 0.0) + weight / (k + rank)
    return sorted(scores.items(), key=lambda pair: -pair[1])


LEXICAL = 200
"""How many lexical hits take part in the fusion."""
NO_HITS = Hits({}, {})
FILE_SHARE = 1.0
"""What a file says as a whole counts for each of its chunks, beside what the chunk says."""
DEFINES = 0.1
"""What the terms of a chunk's own name count once more: a definition goes before its uses."""
DECLARES = 1.0
"""What the terms of its declaration count once more: parameters and types say what it is about."""
FUNCTION = 0.3
"""By how much a function's words count more than those of a class's head, or of what lies between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Everything that is searched; a chunk is known by its index."""

    chunks: Sequence[Chunk]
    bags: Sequence[Mapping[str, float]]
    sizes: Sequence[float]
    declared: Sequence[frozenset[str]]
    hits: Hits

    @classmethod
    def of(cls, files: Sequence[Indexed], hits: Hits = NO_HITS) -> "Corpus":
        return cls(
            chunks=[c for file in files for c in file.chunks],
            bags=[bag for file in files for bag in file.bags],
            sizes=[size for file in files for size in file.sizes],
            declared=[terms for file in files for terms in file.declared],
            hits=hits,
        )


def lexical(corpus: Corpus, terms: Mapping[str, float]) -> list[int]:
    """Return the chunks by their words: what they say, what they define, and what their file says, best first."""
    bm25, scores = Bm25(corpus.bags, corpus.sizes), dict[int, float]()
    counts = bm25.holding(terms)
    rarity = {term: both_rarities(corpus, term, len(holding)) for term, holding in counts.items()}
    weights = {term: weight * rarity[term] for term, weight in terms.items()}
    path_weights = {path: path_weight(path) for path in {c.path for c in corpus.chunks}}
    for index, said in enumerate(bm25.scores(terms, rarity, counts)):
        if said > 0:
            c = corpus.chunks[index]
            named = terms_of(c.name.rsplit(".", 1)[-1]) if c.name else ()
            defined = sum(weights.get(term, 0.0) for term in named)
            declared = sum(weights[term] for term in corpus.declared[index] & weights.keys())
            own = (said + DEFINES * defined + DECLARES * declared) * path_weights[c.path]
            own *= 1 + FUNCTION if c.function else 1.0
            scores[index] = own + FILE_SHARE * corpus.hits.files.get(c.path, 0.0)
    return sorted(scores, key=lambda index: (-scores[index], index))[:LEXICAL]


def both_rarities(corpus: Corpus, term: str, holding: int) -> float:
    """How rare a term is that so many chunks have: the mean of among the tree's files and among these chunks.

    In a small repository each file has most words and only chunks tell them apart; in a large one the chunks were
    chosen by these words, and only the tree knows how rare they are.
    """
    own = rareness(holding, len(corpus.bags))
    return (corpus.hits.rarity.get(term, own) + own) / 2


def rank(corpus: Corpus, terms: Mapping[str, float], mentioned: QueryMentions) -> Iterator[tuple[Chunk, float, str]]:
    """Yield (chunk, score, why), best first.

    The rankings: lines that the question names; what the code there uses; files it names; words (BM25).
    The weight of files in the repository (``repomap``) was tried as a fifth and lost three points of recall.
    """
    words = lexical(corpus, terms)
    failing = at_lines(corpus.chunks, mentioned.lines)
    files = frozenset(mentioned.files)
    named = [index for index in words if corpus.chunks[index].path in files]
    named = list(dict.fromkeys([*named, *(index for index, c in enumerate(corpus.chunks) if c.path in files)]))
    # Without a traceback the first files that were named are where the reader starts.
    nearby = called_by(corpus.chunks, failing or named[:3])
    why = _Why(corpus, terms, frozenset(failing), frozenset(nearby), frozenset(named))
    for index, score in fuse([(failing, 3.0), (nearby, 1.0), (named, 1.0), (words, 1.5)]):
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
