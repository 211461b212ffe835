"""Folder of indexes: one a repository, each shared by everything in this process that searches it."""

import hashlib
import os
import shutil
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from retrieval.file_filter import path_weight
from retrieval.index.code_index import CodeIndex

OPEN = 8
"""Indexes of repositories whose ids and records are kept in memory."""


@dataclass(slots=True)
class IndexFolder:
    """Finds the index of a repository, and removes those that nobody asked for lately."""

    root: Path | None = None
    """None: indexes live as long as this process."""
    weigh: Callable[[str], float] = path_weight
    _open: "OrderedDict[str, CodeIndex]" = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def of(self, repo: str) -> CodeIndex:
        """Return the index of a repository, named by its path or URL."""
        name = hashlib.sha256(repo.encode(errors="replace")).hexdigest()[:32]
        with self._lock:
            if (index := self._open.pop(name, None)) is None:
                file = None if self.root is None else self.root / name / "words.db"
                index = CodeIndex(file, weigh=self.weigh)
            self._open[name] = index
            if index.file is not None:
                # Its age is counted from here: questions that only read it leave no other trace.
                with suppress(OSError):
                    os.utime(index.file)
            while len(self._open) > OPEN:
                # Not closed: a search may be under way, and a file is open for the time of a question only.
                self._open.popitem(last=False)
        return index

    def count(self) -> int:
        """How many repositories have one. Blocks."""
        return sum(1 for _ in self.root.iterdir()) if self.root is not None and self.root.is_dir() else len(self._open)

    def drop_before(self, moment: datetime) -> int:
        """Remove indexes that were not asked for since; how many there were. The next question makes them anew."""
        dropped = 0
        for folder in sorted(self.root.iterdir()) if self.root is not None and self.root.is_dir() else ():
            used = max((each.stat().st_mtime for each in (folder, *folder.glob("*"))), default=0.0)
            if datetime.fromtimestamp(used, UTC) < moment:
                shutil.rmtree(folder, ignore_errors=True)
                dropped += 1
        return dropped
