"""Limits of one forked child: processor time per test, memory in all."""

from __future__ import annotations

import resource
import signal
from pathlib import Path

_MEMORY_BYTES = 1 << 30


def bound_memory() -> None:
    """Let allocations fail a gibibyte above what is mapped now, before the sandbox is out of memory."""
    try:
        mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (mapped + _MEMORY_BYTES, hard))
    except (OSError, ValueError):
        return


def arm(cpu_s: float) -> None:
    """Have the kernel end this process after so much more processor time; 0 disarms."""
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
