"""BM25 over code terms, and a rough version of it over raw bytes that picks the files worth chunking. Pure.

Robertson and Zaragoza, *The Probabilistic Relevance Framework: BM25 and Beyond*, 2009; fields are
weighted by adding their weighted counts before saturation (BM25F).

Counting a stem in raw bytes runs at memory speed, cutting and counting everything does not: on 3,000 files the
hundred best by this rough measure hold the answer as often as all of them do.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrieval.terms import bag, query_terms, size

K1 = 4.0
"""Later than for prose, a term that comes again stops counting: names weigh several times in a bag."""
PROSE_K1 = 1.2
B = 0.85
"""A long function says a little about much; measured in ``benchmarks/retrieval.py``."""


@dataclass(frozen=True, slots=True)
class Bm25:
    """Score documents, given as term counts, against a query."""

    documents: Sequence[Mapping[str, float]]
    lengths: Sequence[float] | None = None
    """Sums of the documents' counts, where somebody has them already."""
    k1: float = K1
    b: float = B

    def scores(self, query: Mapping[str, float]) -> list[float]:
        """Return one score a document, 0.0 where no term of the query occurs."""
        lengths = self.lengths if self.lengths is not None else [size(document) for document in self.documents]
        mean = (sum(lengths) / len(lengths) if lengths else 0.0) or 1.0
        totals = [0.0] * len(lengths)
        counts: dict[str, list[tuple[int, float]]] = {term: [] for term in query}
        for index, document in enumerate(self.documents):
            for term in document.keys() & query.keys():
                if (count := document[term]) > 0:
                    counts[term].append((index, count))
        for term, hits in counts.items():
            weight = query[term] * math.log(1 + (len(lengths) - len(hits) + 0.5) / (len(hits) + 0.5)) * (self.k1 + 1)
            for index, count in hits:
                norm = self.k1 * (1 - self.b + self.b * lengths[index] / mean)
                totals[index] += weight * count / (count + norm)
        return totals


def text_scores(query: str, texts: Sequence[str]) -> list[float]:
    """How much each text says about a query in words; 0.0: nothing. For texts that are no files."""
    return Bm25([bag(text) for text in texts], k1=PROSE_K1).scores(query_terms(query))


MOST_TERMS = 48
"""Terms that are looked for, the weightiest first."""
SHORTEST = 3
SATURATION = 4.0
LENGTH = 0.5


def prefilter(texts: Sequence[tuple[str, bytes]], terms: Mapping[str, float], *, keep: int) -> list[int]:
    """Return the indices of the ``keep`` files that say most about ``terms``, best first.

    ``texts`` are (path, content); terms are lower-case stems, and match inside longer words.
    """
    lower = [data.lower() + b"\n" + path.lower().encode(errors="replace") for path, data in texts]
    mean = sum(map(len, lower)) / len(lower) if lower else 1.0
    norms = [SATURATION * (1 - LENGTH + LENGTH * len(data) / mean) for data in lower]
    scores = [0.0] * len(lower)
    searched = sorted((term for term in terms if len(term) >= SHORTEST), key=lambda term: (-terms[term], term))
    # A long question has its weight in few terms, and each costs a pass over all bytes.
    for term in searched[:MOST_TERMS]:
        counted = term.encode(errors="replace")
        hits = [(index, times) for index, data in enumerate(lower) if (times := data.count(counted))]
        weight = terms[term] * math.log(1 + (len(lower) - len(hits) + 0.5) / (len(hits) + 0.5))
        for index, times in hits:
            scores[index] += weight * times / (times + norms[index])
    return sorted(range(len(lower)), key=lambda index: (-scores[index], index))[:keep]
