"""Contract of an index: what of a tree it covers, what it answers, and how it says that its file is lost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Progress = Callable[[int, int], None]
"""Is told how many files of how many are done."""
Version = tuple[str, str]
"""The hash of a content, and the path it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What of a tree is searched."""

    files: int
    """Searched, among the files of the tree that are worth it."""
    added: int
    """Read for this, and not before."""
    skipped: Mapping[str, int]
    """How many are not searched, by the reason."""
    complete: bool
    """False: time was up before all of them were read."""


@dataclass(frozen=True, slots=True)
class Hits:
    """The files of a tree that say most about a question, and how rare its terms are there."""

    files: Mapping[str, float]
    """Scores by path, best first."""
    rarity: Mapping[str, float]
    """Inverse document frequency, by term."""


@dataclass(frozen=True, slots=True)
class CountedVersion:
    """A file version to be written."""

    version: Version
    terms: Mapping[str, float]
    length: float
    skipped: str = ""


class IndexLost(Exception):
    """The file of an index is damaged or cannot be written; asking once more is answered from memory."""
