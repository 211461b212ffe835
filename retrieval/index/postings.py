"""Postings: which files say a term and how often, in segments that are written once; BM25 over them. Pure.

Fields are weighted by adding their weighted counts before saturation (BM25F, Robertson and Zaragoza 2009): the names
that a file defines and the words of its path count more than what it mentions.
"""

import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import chain

from retrieval.bm25 import rareness
from retrieval.terms import terms_of

WORD = re.compile(rb"[A-Za-z0-9_\x80-\xff]{2,80}")
DEFINES = re.compile(
    rb"\b(?:def|class|func|function|fn|struct|enum|trait|interface|type|impl|mod|module|namespace|macro_rules!)"
    rb"[ \t]+(?:\([^()\n]{0,80}\)[ \t]*)?([A-Za-z_]\w{1,79})"
)
"""A name that is defined, in the languages of most repositories; what it misses still counts as a word."""
PATH, NAME = 3.0, 4.0
"""What a word of the path, and of a name that the file defines, counts beside one of its text."""
SATURATION, LENGTH = 4.0, 0.5

Entry = tuple["array[int]", "array[float]"]
"""Ids of files, ascending, and how often each says the term."""


def counted(path: str, data: bytes, known: dict[str, tuple[str, ...]]) -> tuple[dict[str, float], float]:
    """Return the weighted terms of a file and how many there are. ``known`` keeps words that were taken apart."""
    counts: Counter[bytes] = Counter(WORD.findall(data))
    weights: dict[bytes, float] = dict(counts)
    for word in DEFINES.findall(data):
        weights[word] = weights.get(word, 0.0) + NAME
    for word in WORD.findall(path.encode(errors="replace")):
        weights[word] = weights.get(word, 0.0) + PATH
    terms: dict[str, float] = {}
    for raw, weight in weights.items():
        word = raw.decode(errors="replace")
        if (parts := known.get(word)) is None:
            parts = known[word] = terms_of(word)
        for term in parts:
            terms[term] = terms.get(term, 0.0) + weight
    return terms, float(counts.total())


@dataclass(slots=True)
class Segment:
    """Postings of some files, collected before they are written."""

    entries: dict[str, Entry] = field(default_factory=dict[str, Entry])
    size: int = 0

    def add(self, file: int, terms: Mapping[str, float]) -> None:
        """Take a file in; ids must come in ascending order."""
        for term, weight in terms.items():
            if (entry := self.entries.get(term)) is None:
                entry = self.entries[term] = array("I"), array("f")
            entry[0].append(file)
            entry[1].append(weight)
        self.size += len(terms)


@dataclass(frozen=True, slots=True)
class FileHits:
    """Files that say most about a question, and how rare its terms are in the whole tree."""

    files: tuple[tuple[int, float], ...]
    """Ids and scores, best first."""
    rarity: Mapping[str, float]
    """Inverse document frequency, by term."""


def best_files(
    terms: Mapping[str, float],
    entries: Callable[[str], Iterable[Entry]],
    lengths: Mapping[int, float],
    weigh: Callable[[int], float],
    *,
    keep: int,
) -> FileHits:
    """Return the files that say most about weighted terms, and how rare these are.

    Only files in ``lengths`` count, also for how rare a term is: the index holds those of other trees, too.
    """
    scores: dict[int, float] = {}
    rarity: dict[str, float] = {}
    mean = sum(lengths.values()) / len(lengths) if lengths else 0.0
    steepness = SATURATION * LENGTH / max(mean, 1.0)
    for term, weight in terms.items():
        hits = [
            (file, count)
            for file, count in chain.from_iterable(zip(*entry, strict=True) for entry in entries(term))
            if file in lengths
        ]
        rarity[term] = rareness(len(hits), len(lengths))
        rare = weight * rarity[term]
        for file, count in hits:
            norm = SATURATION * (1 - LENGTH) + steepness * lengths[file]
            scores[file] = scores.get(file, 0.0) + rare * count / (count + norm)
    weighed = ((file, score * weigh(file)) for file, score in scores.items())
    return FileHits(tuple(nsmallest(keep, weighed, key=lambda pair: (-pair[1], pair[0]))), rarity)
