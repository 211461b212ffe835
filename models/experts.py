"""Expert selection: which expert a task is for (A3). Pure: the same task always has the same expert.

What the repository is made of comes first: the language that most of its source files are in, and its manifests, say
whose work this is (its home). Words of the task send it elsewhere where they are telling, or where the repository has
what they speak of: ``schema`` in a validator of JSON is no database.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import cache
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field

from domain import value
from domain.work import Name, Prose

GENERAL = "code_general"
HOME = 1.25
"""What the expert at home has before a word is read: one word alone does not outweigh it."""
MANIFEST = 10
"""Files of source that a manifest at the top stands for: a small module may have more scripts than code."""
FOOTING = 0.1
"""Share of the source files from which on the repository is of an expert's kind, too."""
AT_HOME, ABROAD, DOUBTFUL = 2.0, 1.0, 0.5
"""What a telling word counts where the repository is of its kind, and elsewhere; what a doubtful one does there."""
LONGEST_TEXT = 20_000
MOST_PATHS = 5_000
_SHORT = 3
"""Letters of words that stand in others by chance: ``ci``, ``sql``."""
_NAMED = re.compile(r"[a-z]{3,}")
_ASIDE = re.compile(
    r"(^|/)(docs?|documentation|vendor|third[_-]party|node_modules|testdata|test-data|fixtures|site-packages|dist)/"
    r"|\.min\.(js|css)$",
    re.IGNORECASE,
)
"""Written about the program, for its tests or by others: it says little of what the program is made of."""
_LANGUAGES = """
go rs java kt kts scala c h cc cpp hpp m mm cs fs vb rb php swift dart ex exs erl hs ml lua pl pm r jl zig nim clj f90
sol
"""
_OTHERS = frozenset(f".{name}" for name in _LANGUAGES.split())
_PROJECTS = """
go.mod Cargo.toml pom.xml build.gradle build.gradle.kts CMakeLists.txt Gemfile composer.json mix.exs Package.swift
pubspec.yaml platformio.ini build.zig
"""
_OTHER_MANIFESTS = frozenset(_PROJECTS.split())
"""Languages without an expert of their own, and how their projects are told: they are the general one's home."""


@value
class Expert:
    """What an expert knows, and what speaks for asking it."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,60}$")]
    keywords: Annotated[tuple[Name, ...], Field(max_length=80)] = ()
    """Telling words in the task. Whole words, any case; ``c++`` and ``.d.ts`` are words too."""
    doubtful: Annotated[tuple[Name, ...], Field(max_length=80)] = ()
    """Words that other kinds of programs use as well: they do not decide alone where nothing else speaks for it."""
    paths: Annotated[tuple[Name, ...], Field(max_length=40)] = ()
    """Ends of file names (``.py``), or names of folders and files (``terraform/``, ``Dockerfile``)."""
    manifests: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    """Files at the top of a repository that is of this expert's language."""
    prompt: Prose
    """What the expert is told about itself."""


def choose_expert(experts: Sequence[Expert], text: str, paths: Sequence[str]) -> Expert:
    """Return the expert with the most to say for it; the general one when nothing speaks for one of them.

    Where two have as much, the one at home comes first, then the order of the experts decides.
    """
    text = text[:LONGEST_TEXT].lower()
    # A sample evenly spread over a large tree: its parts keep their shares.
    paths = sorted(paths)[:: 1 + len(paths) // MOST_PATHS]
    shares = made_of(experts, paths)
    order = {expert.id: place for place, expert in enumerate(experts)}
    home = max(shares, key=lambda name: (shares[name], -order.get(name, len(order))), default=None)
    named = {word for path in paths for word in _NAMED.findall(path.lower())}
    about = "\0".join(named)

    def weight(words: Sequence[str], *, own: bool) -> int:
        """How many of them the task says; what is said in several words is said on purpose.

        What the whole repository is called after distinguishes none of its tasks, but for who owns what is called so.
        """
        hits = [word for word in words if word_pattern(word).search(text)]
        return sum(
            1 + (" " in word) for word in hits if own or not (word in named or (len(word) > _SHORT and word in about))
        )

    def points(expert: Expert) -> float:
        footing = shares.get(expert.id, 0.0) >= FOOTING
        sure, doubtful = weight(expert.keywords, own=footing), weight(expert.doubtful, own=expert.id == home)
        if footing or not shares:
            score = (AT_HOME if footing else ABROAD) * sure + ABROAD * doubtful
        else:
            # However many doubtful words there are, abroad they count as one sure word at most.
            score = ABROAD * sure + min(ABROAD, DOUBTFUL * doubtful)
        return score + (HOME if expert.id == home else 0.0)

    scores = [points(expert) for expert in experts]
    best = max(range(len(experts)), key=lambda n: (scores[n], experts[n].id == home, -n), default=None)
    if best is None or not scores[best]:
        return next((e for e in experts if e.id == GENERAL), Expert(id=GENERAL, prompt=""))
    return experts[best]


def made_of(experts: Sequence[Expert], paths: Sequence[str]) -> dict[str, float]:
    """Which share of the source files each expert knows, by id; empty where there are none."""
    owned: Counter[str] = Counter()
    total = 0
    for path in paths:
        if _ASIDE.search(path):
            continue
        owners = {expert.id for expert in experts if any(_marked(path, mark) for mark in expert.paths)}
        owners |= {GENERAL} if PurePosixPath(path).suffix.lower() in _OTHERS else set()
        weight = 1 if owners else 0
        top = {expert.id for expert in experts if path in expert.manifests}
        # A manifest is no source itself: it stands for several files, of the language that it is of.
        if top := top | ({GENERAL} if path in _OTHER_MANIFESTS else set()):
            owners, weight = top, MANIFEST
        owned.update(dict.fromkeys(owners, weight))
        total += weight
    return {name: count / total for name, count in owned.items()} if total else {}


@cache
def word_pattern(word: str) -> re.Pattern[str]:
    """Finds a word or several in lower case, whole: ``c`` is not in ``c++``'s neighbour ``cc``, ``.d.ts`` is a word."""
    return re.compile(rf"(?<![\w]){re.escape(word.lower())}(?![\w])")


def _marked(path: str, mark: str) -> bool:
    slashed = f"/{path}"
    if mark.endswith("/"):
        return f"/{mark}" in slashed
    return slashed.endswith(mark if mark.startswith(".") else f"/{mark}")
