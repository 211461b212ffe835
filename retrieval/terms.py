"""Terms: text and code in countable pieces: identifiers whole and in their parts, words by their stem. Pure."""

import math
import re
from collections import Counter
from collections.abc import Mapping

_WORD = re.compile(r"\w+")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_ENDINGS = ("ations", "ation", "ings", "ing", "ions", "ion", "ers", "er", "ors", "or", "ed", "es", "s", "e", "ly")
_KEPT = 3
"""Letters that a stem has at least."""

LONGEST = 64
"""Characters of a word. What is longer is data, such as a certificate, and costs more than all names of its file."""

_STOP = """
a an and are as at be been but by can could do does for from had has have he her his how i if in into is it
its may me must my no not of on one only or our shall she should so such than that the their them then there
these they this those to too us was we were what when where which while who will with would you your
"""
STOP = frozenset(_STOP.split())
FIRST = 2.0
"""What a term of a question's first sentence counts more: it says what is wanted, the rest why and how."""
_SENTENCE_END = re.compile(r"(?<=[.])\s|\n\n")


def bag(text: str, *, known: dict[str, tuple[str, ...]] | None = None) -> Counter[str]:
    """Count the terms of ``text``.

    ``reserveStock`` counts as itself and as *reserve* and *stock*; *Reserved* counts as *reserv*. ``known``
    keeps the terms of words already taken apart: most words of a repository come again and again.
    """
    known = {} if known is None else known
    counts: Counter[str] = Counter()
    for word, times in Counter(_WORD.findall(text)).items():
        if (terms := known.get(word)) is None:
            terms = known[word] = terms_of(word)
        for term in terms:
            counts[term] += times
    return counts


def query_terms(text: str) -> dict[str, float]:
    """Weigh the terms of a question: those of its first sentence count more, those of every sentence not at all."""
    first = bag(_SENTENCE_END.split(text.strip(), maxsplit=1)[0])
    return {
        term: 1.0 + math.log(times) + (FIRST if term in first else 0.0)
        for term, times in bag(text).items()
        if term not in STOP
    }


def telling(terms: Mapping[str, float]) -> dict[str, float]:
    """Leave out single letters and numbers of one or two digits, which every file has; all stay where all are such."""
    kept = {
        term: weight
        for term, weight in terms.items()
        if not (term.isascii() and (len(term) == 1 or (len(term) <= 2 and term.isdigit())))  # noqa: PLR2004  404 is a status
    }
    return kept or dict(terms)


def terms_of(word: str) -> tuple[str, ...]:
    """Return the terms of one identifier or word, each once; none of what is too long to be either."""
    if len(word) > LONGEST:
        return ()
    parts = _PART.findall(word)
    stems = dict.fromkeys(stem(part.lower()) for part in parts)
    if len(parts) > 1:
        stems[word.lower()] = None
    return tuple(stems)


def stem(word: str) -> str:
    """Cut one ending off a lower-case English word; good enough to make *parses* and *parser* meet."""
    if not word.endswith(_ENDINGS):
        return word
    if word.endswith("ies") and len(word) > _KEPT + 2:
        return word[:-3] + "y"
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= _KEPT and not word.endswith("ss"):
            shorter = word[: -len(ending)]
            # *running* and *runs* meet in *run*; *called* stays *call*.
            doubled = len(shorter) > _KEPT and shorter[-1] == shorter[-2] and shorter[-1] not in "ls"
            return shorter[:-1] if doubled and ending not in {"s", "e"} else shorter
    return word


def weighted(*fields: tuple[str, float], known: dict[str, tuple[str, ...]] | None = None) -> dict[str, float]:
    """Count terms of several texts, each with its own weight."""
    total: dict[str, float] = {}
    for text, weight in fields:
        for term, times in bag(text, known=known).items():
            total[term] = total.get(term, 0.0) + weight * times
    return total


def size(bag_: Mapping[str, float]) -> float:
    """Number of terms, weights counted."""
    return sum(bag_.values())
