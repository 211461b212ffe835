"""Postings: which files say a term and how often, in segments that are written once; BM25 over them. Pure.

Fields are weighted by adding their weighted counts before saturation (BM25F, Robertson and Zaragoza 2009): the names
that a file defines and the words of its path count more than what it mentions.
"""

import re
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nlargest, nsmallest

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
_SAME = 1e-9
"""Scores that differ by less are the same: sums of floats."""

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

    Only files in ``lengths`` count, also for how rare a term is: the index holds those of other trees, too. ``weigh``
    gives 1 at most.
    """
    rarity: dict[str, float] = {}
    held: dict[str, tuple[Entry, ...]] = {}
    for term in terms:
        held[term] = tuple(entries(term))
        holding = sum(sum(map(lengths.__contains__, files)) for files, _ in held[term])
        rarity[term] = rareness(holding, len(lengths))
    mean = sum(lengths.values()) / len(lengths) if lengths else 0.0
    steepness, floor = SATURATION * LENGTH / max(mean, 1.0), SATURATION * (1 - LENGTH)
    most = {term: weight * rarity[term] for term, weight in terms.items()}
    left = sum(most.values())
    scores: dict[int, float] = {}
    contenders = False
    # Terms that say most come first, so that the common ones, which most files have, are looked up for few.
    for term in sorted(most, key=lambda term: -most[term]):
        rare = most[term]
        for files, counts in held[term]:
            if contenders:
                by_file = dict(zip(files, counts, strict=True))
                hits = [(file, by_file[file]) for file in scores.keys() & by_file.keys()]
            else:
                hits = [pair for pair in zip(files, counts, strict=True) if pair[0] in lengths]
            for file, count in hits:
                scores[file] = scores.get(file, 0.0) + rare * count / (count + floor + steepness * lengths[file])
        left -= rare
        if len(scores) > keep > 0 and left < max(scores.values()):
            # Turtle and Flood 1995 (MaxScore): whose score cannot reach the last place any more is no contender.
            last = nlargest(keep, (score * weigh(file) for file, score in scores.items()))[-1]
            if contenders := contenders or left < last:
                scores = {file: score for file, score in scores.items() if (score + left) * weigh(file) >= last - _SAME}
    weighed = ((file, score * weigh(file)) for file, score in scores.items())
    return FileHits(tuple(nsmallest(keep, weighed, key=lambda pair: (-pair[1], pair[0]))), rarity)
