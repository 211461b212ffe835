"""Processes by names that say whether they still live, on the machine that gave the name."""

import os
import socket
from pathlib import Path
from uuid import uuid4

_STARTED = 21
"""Position of the start time in /proc/PID/stat (proc(5), field 22)."""


def own_name() -> str:
    """``host/pid/start/random`` of this very process."""
    pid = os.getpid()
    return f"{socket.gethostname()}/{pid}/{_start_of(pid) or 0}/{uuid4().hex[:8]}"


def is_gone(owner: str | None) -> bool:
    """True when the named process is known to be dead; False when it lives or nothing is known."""
    parts = (owner or "").split("/")
    if len(parts) != 4 or parts[0] != socket.gethostname() or not parts[1].isdigit():  # noqa: PLR2004 - the four above
        return False
    # Where the system tells nothing of its processes (macOS), the lease runs out by itself.
    if not Path("/proc/self/stat").exists():
        return False
    return _start_of(int(parts[1])) != parts[2]


def _start_of(pid: int) -> str | None:
    """When a process started, in clock ticks since boot; pids are used again, pairs of both are not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The program's name stands in parentheses and may hold blanks and parentheses itself.
    return stat.rpartition(")")[2].split()[_STARTED - 2]
