"""Resource limits of a forked child: processor time per test, memory in all.

A test that runs too long is interrupted by an exception, so that the child can go on with the next
candidate; what keeps it (a loop in C, a bare ``except``) is ended with the child by the kernel.
"""

from __future__ import annotations

import resource
import signal
from pathlib import Path
from types import FrameType

_MEMORY_BYTES = 1 << 30
_FOR_GOOD = 1.5
_TIDY_S = 0.5
"""For the tear-down of a test that was interrupted."""


def bound_memory() -> None:
    """Let allocations fail a gibibyte above what is mapped now, before the sandbox is out of memory."""
    try:
        mapped = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (mapped + _MEMORY_BYTES, hard))
    except (OSError, ValueError):
        return


class Late(BaseException):
    """Raised wherever the test is when its processor time is over."""


def interrupt() -> None:
    """Raise ``Late`` in this process when its time is over, in place of ending it."""

    def raised(_: int, __: FrameType | None) -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        raise Late

    signal.signal(signal.SIGPROF, raised)


def arm(cpu_s: float) -> None:
    """Stop what runs after so much more processor time, for good a while later; 0 disarms."""
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    signal.setitimer(signal.ITIMER_VIRTUAL, _FOR_GOOD * cpu_s + _TIDY_S if cpu_s else 0)
