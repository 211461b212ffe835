"""BM25 over code terms. Pure.

Robertson and Zaragoza, *The Probabilistic Relevance Framework: BM25 and Beyond*, 2009; fields are
weighted by adding their weighted counts before saturation (BM25F).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from retrieval.words import size

K1 = 1.2
B = 0.5
"""Mild length normalisation: a long function is not a worse answer than a short one."""


@dataclass(frozen=True, slots=True)
class Bm25:
    """Score documents, given as term counts, against a query."""

    documents: Sequence[Mapping[str, float]]
    k1: float = K1
    b: float = B

    def scores(self, query: Mapping[str, float]) -> list[float]:
        """Return one score a document, 0.0 where no term of the query occurs.

        Time grows with documents × terms of the query.
        """
        lengths = [size(document) for document in self.documents]
        mean = (sum(lengths) / len(lengths) if lengths else 0.0) or 1.0
        norms = [self.k1 * (1 - self.b + self.b * length / mean) for length in lengths]
        totals = [0.0] * len(lengths)
        for term, weight in query.items():
            hits = [(index, count) for index, bag in enumerate(self.documents) if (count := bag.get(term, 0.0)) > 0]
            idf = math.log(1 + (len(lengths) - len(hits) + 0.5) / (len(hits) + 0.5))
            for index, count in hits:
                totals[index] += weight * idf * count * (self.k1 + 1) / (count + norms[index])
        return totals

    def rank(self, query: Mapping[str, float], *, limit: int | None = None) -> list[tuple[int, float]]:
        """Return (index, score) of the matching documents, best first, equal ones in their order."""
        scored = [(index, score) for index, score in enumerate(self.scores(query)) if score > 0]
        return sorted(scored, key=lambda pair: -pair[1])[:limit]
