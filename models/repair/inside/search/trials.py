"""Validation state: one candidate on its way through the tests, the count of all, and how many share a process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ..analysis.project import Drafts


@dataclass
class Trial:
    """A candidate: the changed files, and what became of it so far."""

    drafts: Drafts
    score: float
    kind: str
    where: str
    """``path:line`` of the edit; its path is absolute."""
    rank: int
    growth: int = 0
    """Characters that the edit adds."""
    fixed: set[str] = field(default_factory=set)
    """Failing tests that pass with it."""
    retried: bool = False
    started: float = 0.0
    """When it was sent to be imported anew, on the monotonic clock."""
    importing: bool = False
    """The edit is of code that runs at import only: a process that has imported it shows nothing."""
    sure: bool = True
    """Every test was run and none got worse; False when time ran out before the last test."""


@dataclass
class Tally:
    """What was done."""

    tried: int = 0
    invalid: int = 0
    late: int = 0
    partial: int = 0
    cold: int = 0


def promise(trial: Trial) -> tuple[int, float]:
    """Sorts partial repairs: the one that repairs most first."""
    return -len(trial.fixed), -trial.score


def varied(trials: Sequence[Trial]) -> list[Trial]:
    """Most promising first, one for each set of tests it repairs before the others of the same set."""
    ranked = sorted(trials, key=promise)
    kinds = {tuple(sorted(trial.fixed)): trial for trial in reversed(ranked)}
    different = sorted(kinds.values(), key=promise)
    return [*different, *(trial for trial in ranked if trial not in different)]


_MOST = 16
_CALM = 48
"""Candidates in a row that spoiled nothing, after which more of them share a process again."""


class Sharing:
    """``size`` candidates share one. ``alone``: never more than one, such as where files of tests are imported."""

    def __init__(self, *, alone: bool) -> None:
        self.size = self._most = 1 if alone else _MOST
        self._calm = 0

    def spoiled(self) -> None:
        """Candidates were seen to spoil a process for one another."""
        self.size, self._calm = max(1, self.size // 4), 0

    def kept(self, count: int) -> None:
        """So many candidates spoiled nothing."""
        self._calm += count
        if self._calm >= _CALM and self.size < self._most:
            self.size, self._calm = 2 * self.size, 0
