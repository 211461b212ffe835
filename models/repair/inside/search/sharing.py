"""How many candidates share a process: fewer for a while after one of them spoiled it for the next."""

from __future__ import annotations

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
