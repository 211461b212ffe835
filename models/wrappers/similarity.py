"""Similarity of prompts: the same task in other words, by the words, or by meaning where an endpoint embeds (A7)."""

import math
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from domain import SignoffError

Embed = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
"""Texts → vectors of one length."""

_WORD = re.compile(r"[\w./:-]+")
_PLURAL = re.compile(r".{2,}[^s]s")
_FILLING = """a an and are be been can could has have i is it its just kindly let lets me my now of our please should so
that the their there these they this those us was we were will would you your"""
_EMPTY = frozenset(_FILLING.split())
NEGATIONS = frozenset({"no", "not", "never", "without", "except", "dont", "don", "cannot", "only"})
CLOSE = 0.95
"""Cosine from which two texts mean the same."""


def content(words: str) -> tuple[str, ...]:
    """The words that carry a wish, in their order, in one form each."""
    plain = (word.strip("./:-").casefold() for word in _WORD.findall(words.replace("'", "")))
    bearing = (word for word in plain if word and word not in _EMPTY)
    # The plural is cut off, no more: a better stemmer takes "sorted" for "sort", which is another wish.
    return tuple(word[:-1] if _PLURAL.fullmatch(word) else word for word in bearing)


def names(words: str) -> frozenset[str]:
    """What must not differ: numbers, identifiers, paths, negations."""
    plain = [word.strip("./:-") for word in _WORD.findall(words.replace("'", ""))]
    odd = re.compile(r"[\d_./:]|[a-z][A-Z]")
    return frozenset(w.casefold() for w in plain if odd.search(w) or w.casefold() in NEGATIONS)


@dataclass(frozen=True, slots=True)
class WordSimilarity:
    """The same words that carry meaning, in the same order, with any filling: needs no model."""

    async def same(self, words: str, others: Sequence[str]) -> int | None:
        """See ``Wording.same``."""
        mine = content(words)
        return next((n for n, other in enumerate(others) if mine and content(other) == mine), None)


@dataclass(frozen=True, slots=True)
class EmbeddingSimilarity:
    """Close in meaning, and with the same names and numbers."""

    embed: Embed
    close: float = CLOSE

    async def same(self, words: str, others: Sequence[str]) -> int | None:
        """See ``Wording.same``. An endpoint that does not embed is no reason to stop: then nothing is the same."""
        if (exact := await WordSimilarity().same(words, others)) is not None:
            return exact
        # Embeddings take taxes.py for prices.py, and "not" for a word like others: names are compared as they are.
        fitting = [n for n, other in enumerate(others) if names(other) == names(words)]
        if not fitting:
            return None
        try:
            mine, *theirs = await self.embed([words, *(others[n] for n in fitting)])
        except SignoffError:
            return None
        scores = [cosine(mine, each) for each in theirs]
        best = max(range(len(scores)), key=scores.__getitem__)
        return fitting[best] if scores[best] >= self.close else None


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine of the angle between two vectors; 0 where one of them has no direction."""
    length = math.hypot(*one) * math.hypot(*other)
    return sum(a * b for a, b in zip(one, other, strict=True)) / length if length else 0.0
