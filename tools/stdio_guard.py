"""Guard of a stdio server: its messages have a longest length, and it ends with the process that it works for.

A program of its own, with the standard library alone: ``python -I stdio_guard.py BYTES COMMAND…``. The SDK reads a line
however long it is; this hands lines on and ends the server at one that is longer than BYTES. Standard input and error
are the server's own.
"""

import contextlib
import os
import select
import signal
import subprocess
import sys

CHUNK = 1 << 16
LOOK_S = 1.0
"""How often it looks whether its parent is there."""
TOO_LONG, ORPHANED = 120, 121
"""Exit codes of its own."""


def relayed(source: int, target: int, longest: int, parent: int) -> int | None:
    """Hand lines on until the server closes its output: None; or until it has to be ended: the exit code."""
    since = 0
    while True:
        if not select.select([source], [], [], LOOK_S)[0]:
            if os.getppid() != parent:
                return ORPHANED
            continue
        chunk = os.read(source, CHUNK)
        if not chunk:
            return None
        end = chunk.rfind(b"\n")
        first = chunk.find(b"\n")
        if since + (first if first >= 0 else len(chunk)) > longest:
            return TOO_LONG
        since = len(chunk) - end - 1 if end >= 0 else since + len(chunk)
        view = memoryview(chunk)
        while view:
            view = view[os.write(target, view) :]


def main() -> int:
    """Start the command and hand on what it prints."""
    longest, command = int(sys.argv[1]), sys.argv[2:]
    parent = os.getppid()
    try:
        server = subprocess.Popen(command, stdout=subprocess.PIPE)
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        return 127
    assert server.stdout is not None  # noqa: S101  it was asked for
    code: int | None = None
    with contextlib.suppress(BrokenPipeError):
        code = relayed(server.stdout.fileno(), 1, longest, parent)
    if code is None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return server.wait(timeout=5)
    # The whole group, which is this server's own: also what it started.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.killpg(os.getpgrp(), signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        server.wait(timeout=2)
    server.kill()
    return code or 1


if __name__ == "__main__":
    sys.exit(main())
