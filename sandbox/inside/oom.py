"""Who the kernel kills when memory runs out, and whether it did."""

from __future__ import annotations

import os


class Oom:
    """Who the kernel kills when memory runs out, and whether it did."""

    _COUNTS = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")

    def __init__(self) -> None:
        # Opened before PID 1 becomes undumpable: afterwards these files belong to root.
        self._score = _open("/proc/self/oom_score_adj", os.O_RDWR)
        self._own = os.pread(self._score, 16, 0).strip() if self._score >= 0 else b"0"
        self._counts = next((fd for fd in (_open(path, os.O_RDONLY) for path in self._COUNTS) if fd >= 0), -1)
        self._seen = self._count()

    def hog(self, *, yes: bool) -> None:
        """What is started while this is on is the first to go."""
        if self._score >= 0:
            os.pwrite(self._score, b"1000" if yes else self._own, 0)

    def killed(self) -> bool:
        """Tell whether a process was killed for memory since the last time this was asked."""
        seen, self._seen = self._seen, self._count()
        return self._seen > seen

    def _count(self) -> int:
        if self._counts < 0:
            return 0
        words = os.pread(self._counts, 4_096, 0).split()
        return int(words[words.index(b"oom_kill") + 1]) if b"oom_kill" in words else 0


def _open(path: str, flags: int) -> int:
    try:
        return os.open(path, flags | os.O_CLOEXEC)
    except OSError:
        return -1
