"""What a command writes: its head and its tail are kept, the middle is read and counted."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress

KEEP = 512 << 10
"""Bytes kept at the head, and as many at the tail."""
_PIPE = 256 << 10
_READ = 128 << 10
_AT_ONCE = 16
"""Reads before others have their turn."""


class Stream:
    """One end of a pipe that is emptied as it fills."""

    def __init__(self, told: Callable[[bytes], None] | None) -> None:
        # Close-on-exec: a command gets its end by dup2, and inherits nothing else.
        self.fd, self.child = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(self.fd, False)
        # The user's share of pipe memory may be used up: a small pipe does as well.
        with suppress(OSError):
            fcntl.fcntl(self.fd, 1031, _PIPE)  # F_SETPIPE_SZ has no name before Python 3.10
        self.head = bytearray()
        self.dropped = 0
        self.open = True
        self._tail = bytearray()
        self._told = told

    def started(self) -> None:
        """Let go of the child's end."""
        os.close(self.child)

    def empty(self) -> None:
        """Read what is there now."""
        for _ in range(_AT_ONCE):
            try:
                data = os.read(self.fd, _READ)
            except BlockingIOError:
                return
            if not data:
                self.close()
                return
            self._keep(data)

    def drain(self) -> None:
        """Read to the end; nobody holds the other end any more."""
        while self.open:
            before = self.size
            self.empty()
            if self.open and self.size == before:
                self.close()

    @property
    def size(self) -> int:
        return len(self.head) + len(self._tail) + self.dropped

    @property
    def tail(self) -> bytes:
        return bytes(self._tail[-KEEP:])

    @property
    def lost(self) -> int:
        """Bytes between head and tail that were not kept."""
        return self.dropped + max(0, len(self._tail) - KEEP)

    def _keep(self, data: bytes) -> None:
        room = KEEP - len(self.head)
        if room > 0:
            self.head += data[:room]
            if self._told is not None:
                self._told(data[:room])
            data = data[room:]
        self._tail += data
        if len(self._tail) > 2 * KEEP:  # cut seldom: moving the tail for every read would be slow
            over = len(self._tail) - KEEP
            del self._tail[:over]
            self.dropped += over

    def close(self) -> None:
        if self.open:
            self.open = False
            os.close(self.fd)
