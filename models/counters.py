"""Counting calls: in memory, or in a database that several processes share (F3)."""

import asyncio
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from domain import value

MINUTE = 60.0
_SCHEMA = "CREATE TABLE IF NOT EXISTS calls (name TEXT NOT NULL, at REAL NOT NULL)"
_INDEX = "CREATE INDEX IF NOT EXISTS calls_by_name ON calls (name, at)"


@value
class Window:
    """At most ``calls`` calls since ``since`` (seconds of the epoch)."""

    calls: int
    since: float


@value
class Full:
    """A window without room, and when its oldest call was: that is when there will be room."""

    window: Window
    oldest: float


class Counters(Protocol):
    """Remembers when somebody was called, for everybody who shares it."""

    async def take(self, name: str, *, at: float, windows: tuple[Window, ...]) -> Full | None:
        """Count one call at ``at``, unless a window is full: then return it, the first one.

        One step: two callers never share the last place.
        """
        ...


@dataclass(frozen=True, slots=True)
class MemoryCounters:
    """Counters of one process."""

    calls: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    async def take(self, name: str, *, at: float, windows: tuple[Window, ...]) -> Full | None:
        """See ``Counters.take``."""
        past = self.calls[name]
        for window in windows:
            inside = [when for when in past if when > window.since]
            if len(inside) >= window.calls:
                return Full(window=window, oldest=min(inside, default=at))
        oldest = min((window.since for window in windows), default=at)
        past[:] = [*(when for when in past if when > oldest), at]
        return None


@dataclass(frozen=True, slots=True)
class FileCounters:
    """Counters in a SQLite file, shared by every process on this machine that opens it."""

    path: Path

    async def take(self, name: str, *, at: float, windows: tuple[Window, ...]) -> Full | None:
        """See ``Counters.take``."""
        return await asyncio.to_thread(self._take, name, at, windows)

    def _take(self, name: str, at: float, windows: tuple[Window, ...]) -> Full | None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=30.0, isolation_level=None)) as database:
            database.execute("PRAGMA journal_mode=WAL")
            database.execute(_SCHEMA)
            database.execute(_INDEX)
            database.execute("BEGIN IMMEDIATE")  # the write lock comes before the count
            try:
                full = next((full for w in windows if (full := _full(database, name, w, at))), None)
                if full is None:
                    since = min((window.since for window in windows), default=at)
                    database.execute("DELETE FROM calls WHERE name = ? AND at <= ?", (name, since))
                    database.execute("INSERT INTO calls (name, at) VALUES (?, ?)", (name, at))
            finally:
                database.execute("COMMIT")
        return full


def _full(database: sqlite3.Connection, name: str, window: Window, at: float) -> Full | None:
    query = "SELECT COUNT(*), MIN(at) FROM calls WHERE name = ? AND at > ?"
    count, oldest = database.execute(query, (name, window.since)).fetchone()
    return Full(window=window, oldest=at if oldest is None else oldest) if count >= window.calls else None
