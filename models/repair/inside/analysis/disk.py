"""Candidates on disk, for programs that tests start themselves: those read files where every program does."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Generator
from pathlib import Path

from .overrides import encoded
from .project import Drafts

_WRITTEN = itertools.count()
STARTS = frozenset(("subprocess.Popen", "os.posix_spawn", "os.spawn", "os.exec", "os.system"))
"""Audit events (PEP 578) of a process that starts another program."""


@contextlib.contextmanager
def on_disk(drafts: Drafts) -> Generator[None]:
    """Write the drafts over their files while the block runs; put the files back as they were, times included."""
    changed = {path: encoded(path, text) for path, text in drafts.items()}
    before = {path: (Path(path).read_bytes(), os.stat(path)) for path in drafts}  # noqa: PTH116
    try:
        for path, data in changed.items():
            Path(path).write_bytes(data)
            # Byte code that a program keeps is known by size and second: no two candidates may have both in common.
            os.utime(path, (moment := time.time() + 2 * next(_WRITTEN), moment))
        yield
    finally:
        for path, (data, seen) in before.items():
            Path(path).write_bytes(data)
            os.utime(path, ns=(seen.st_atime_ns, seen.st_mtime_ns))
