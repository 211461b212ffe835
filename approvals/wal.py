"""The write-ahead log of a SQLite file: what a commit writes, until it is copied into the file itself."""

import asyncio
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

EVERY = 100
"""Commits after which the log is brought home."""


@dataclass(slots=True)
class Log:
    """The write-ahead log of one file: a thread brings it home from time to time, so that no commit has to."""

    path: Path
    commits: int = 0
    under_way: "asyncio.Future[None] | None" = field(default=None, repr=False)

    def grew(self) -> None:
        """Count a commit."""
        self.commits += 1
        if self.commits % EVERY == 0 and (self.under_way is None or self.under_way.done()):
            self.under_way = asyncio.get_running_loop().run_in_executor(None, self._bring_home)

    def _bring_home(self) -> None:
        # Where the file is gone or somebody is at it, nothing is lost: the next one does it.
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"{self.path.as_uri()}?mode=rw", uri=True)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
