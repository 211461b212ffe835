"""BM25 over code terms. Pure.

Robertson and Zaragoza, *The Probabilistic Relevance Framework: BM25 and Beyond*, 2009; fields are
weighted by adding their weighted counts before saturation (BM25F).
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from retrieval.terms import bag, query_terms, size

K1 = 3.0
"""Later than for prose, a term that comes again stops counting: names weigh several times in a bag."""
PROSE_K1 = 1.2
B = 1.0
"""A long function says a little about much; measured in ``benchmarks/commits.py``."""
PROSE_B = 0.85
SHORTEST = 0.2
"""Share of the mean length below which a document gains nothing by being shorter: one line that only names a thing."""


def rareness(holding: int, documents: int) -> float:
    """Inverse document frequency of a term that ``holding`` of so many documents have; more than zero."""
    return math.log(1 + (documents - holding + 0.5) / (holding + 0.5))


@dataclass(frozen=True, slots=True)
class Bm25:
    """Score documents, given as term counts, against a query."""

    documents: Sequence[Mapping[str, float]]
    lengths: Sequence[float] | None = None
    """Sums of the documents' counts, where somebody has them already."""
    k1: float = K1
    b: float = B
    shortest: float = SHORTEST

    def holding(self, query: Iterable[str]) -> dict[str, list[tuple[int, float]]]:
        """Which documents have each term, by their index, and how often."""
        counts: dict[str, list[tuple[int, float]]] = {term: [] for term in query}
        terms = counts.keys()
        for index, document in enumerate(self.documents):
            for term in document.keys() & terms:
                if (count := document[term]) > 0:
                    counts[term].append((index, count))
        return counts

    def scores(
        self,
        query: Mapping[str, float],
        rarity: Mapping[str, float] | None = None,
        counts: Mapping[str, Sequence[tuple[int, float]]] | None = None,
    ) -> list[float]:
        """Return one score a document, 0.0 where no term of the query occurs.

        ``rarity`` is how rare the terms are where the documents come from, if they were chosen by these very terms;
        ``counts`` is what ``holding`` says, where somebody asked it already.
        """
        lengths = self.lengths if self.lengths is not None else [size(document) for document in self.documents]
        mean = (sum(lengths) / len(lengths) if lengths else 0.0) or 1.0
        totals = [0.0] * len(lengths)
        norms = [self.k1 * (1 - self.b + self.b * max(length / mean, self.shortest)) for length in lengths]
        for term, hits in (self.holding(query) if counts is None else counts).items():
            weight = query[term] * (rarity or {}).get(term, rareness(len(hits), len(lengths))) * (self.k1 + 1)
            for index, count in hits:
                totals[index] += weight * count / (count + norms[index])
        return totals


def text_scores(query: str, texts: Sequence[str]) -> list[float]:
    """How much each text says about a query in words; 0.0: nothing. For texts that are no files."""
    return Bm25([bag(text) for text in texts], k1=PROSE_K1, b=PROSE_B).scores(query_terms(query))
