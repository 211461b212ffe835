"""Experts: which one a task is for (A3). Pure: the same task always has the same expert."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from typing import Annotated

from pydantic import Field

from domain import Name, Prose, value

GENERAL = "code_general"
TEXT_WEIGHT = 3
"""A keyword in the task says three times as much as one file of the repository."""
LONGEST_TEXT = 20_000
MOST_PATHS = 5_000


@value
class Expert:
    """What an expert knows, and what speaks for asking it."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")]
    keywords: Annotated[tuple[Name, ...], Field(max_length=80)] = ()
    """Words in the task. Whole words, any case; ``c++`` and ``.d.ts`` are words too."""
    paths: Annotated[tuple[Name, ...], Field(max_length=40)] = ()
    """Ends of file names (``.py``), or names of folders and files (``terraform/``, ``Dockerfile``)."""
    prompt: Prose
    """What the expert is told about itself."""


def choose_expert(experts: Sequence[Expert], text: str, paths: Sequence[str]) -> Expert:
    """Return the expert with the most to say for it; the general one when nothing speaks for one of them.

    Each different keyword found in ``text`` counts three, the share of ``paths`` that are an expert's
    at most two: what is asked decides, what the repository is made of breaks ties. Then the order of
    the experts decides.
    """
    text = text[:LONGEST_TEXT].lower()
    shares = _shares(experts, paths[:MOST_PATHS])
    points = [TEXT_WEIGHT * _mentioned(expert, text) + 2 * shares[expert.id] for expert in experts]
    best = max(range(len(experts)), key=lambda n: (points[n], -n), default=None)
    if best is None or points[best] <= 0:
        return next((e for e in experts if e.id == GENERAL), Expert(id=GENERAL, prompt=""))
    return experts[best]


def _mentioned(expert: Expert, text: str) -> int:
    return sum(1 for word in expert.keywords if _word(word).search(text))


@cache
def _word(word: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w]){re.escape(word.lower())}(?![\w])")


def _shares(experts: Sequence[Expert], paths: Sequence[str]) -> dict[str, float]:
    owned = Counter(expert.id for path in paths for expert in experts if _owns(expert, path))
    return {expert.id: owned[expert.id] / len(paths) if paths else 0.0 for expert in experts}


def _owns(expert: Expert, path: str) -> bool:
    slashed = f"/{path}"
    return any(
        f"/{mark}" in slashed if mark.endswith("/") else slashed.endswith(mark if mark[0] == "." else f"/{mark}")
        for mark in expert.paths
        if mark
    )
