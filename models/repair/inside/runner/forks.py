"""Fork server: answers each job with a forked child of the process it lives in.

The process has imported the test session already, so a child starts with everything in memory and
is thrown away afterwards: no candidate can spoil the next one. ``serve`` returns twice, like fork:
with a ``ForkedJob`` in each child, with None in the server when the search is over.
"""

from __future__ import annotations

import gc
import json
import os
import selectors
import signal
import sys
import time
import warnings
from typing import TYPE_CHECKING, Any

from ..analysis.wire import Inbox, Message, send

if TYPE_CHECKING:
    import socket

_READ = 1 << 16
_SLACK_S = 0.2


class ForkedJob:
    """What one forked child has to do, and its way to tell how it goes."""

    def __init__(self, job: Message, pipe: int) -> None:
        self.job = job
        self._pipe = pipe

    def tell(self, *lines: Message) -> None:
        """Report facts; what was reported before a kill is not lost."""
        data = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        while data:
            data = data[os.write(self._pipe, data) :]


class _Child:
    def __init__(self, pid: int, pipe: int, job: Message) -> None:
        now = time.monotonic()
        self.pid, self.pipe, self.job = pid, pipe, job
        self.idle_s = float(job.get("idle_s", 10.0))
        self.ends_at = now + float(job.get("total_s", 600.0))
        self.quiet_at = now + self.idle_s + float(job.get("start_s", 0.0))
        self.data = bytearray()
        self.killed = False

    @property
    def deadline(self) -> float:
        return min(self.ends_at, self.quiet_at)

    def lines(self) -> list[Any]:
        return [json.loads(line) for line in bytes(self.data).split(b"\n")[:-1]]

    def kill(self) -> None:
        self.killed = True
        # The group, for programs that a test started; the child alone, where it has no group yet.
        for stop in (lambda: os.killpg(self.pid, signal.SIGKILL), lambda: os.kill(self.pid, signal.SIGKILL)):
            try:
                stop()
            except OSError:
                continue


class ForkServer:
    """Runs the jobs that arrive on ``sock``, at most ``workers`` at a time."""

    def __init__(self, sock: socket.socket, workers: int) -> None:
        self._sock = sock
        self._workers = workers
        self._inbox = Inbox()
        self._waiting: list[Message] = []
        self._children: dict[int, _Child] = {}
        self._selector = selectors.DefaultSelector()
        self.released = False
        """Told to go on as if nothing had happened: what is looked for is in a later session."""

    def serve(self) -> ForkedJob | None:
        """Answer jobs until told to stop (None); returns a ``ForkedJob`` in every child."""
        # Objects that the collector never touches again are memory pages that no child has to copy.
        gc.collect()
        gc.freeze()
        self._selector.register(self._sock, selectors.EVENT_READ)
        while True:
            soonest = min((child.deadline for child in self._children.values()), default=None)
            # A little after the deadline, or the first look at the clock would still be too early.
            wait_s = None if soonest is None else max(0.0, soonest - time.monotonic()) + 0.001
            for key, _ in self._selector.select(wait_s):
                if key.fileobj is not self._sock:
                    self._hear(self._children[key.fd])
                elif not self._take():
                    self._quit()
                    return None
            now = time.monotonic()
            for child in self._children.values():
                if now >= child.deadline and (not child.killed):
                    child.kill()
                    # With a deadline that has passed, select would not wait until the child's pipe ends.
                    child.quiet_at = child.ends_at = now + 5.0
            while self._waiting and len(self._children) < self._workers:
                turn = self._fork(self._waiting.pop(0))
                if turn is not None:
                    return turn

    def _take(self) -> bool:
        """Receive jobs; False when the search is over, or its process gone."""
        try:
            data = self._sock.recv(_READ)
        except OSError:
            return False
        if not data:
            return False
        for message in self._inbox.feed(data):
            op = message.get("op")
            if op in ("stop", "release"):
                self.released = op == "release"
                return False
            if op == "preload":
                preload(message["modules"])
            elif op == "run":
                self._waiting.append(message)
        return True

    def _hear(self, child: _Child) -> None:
        """Read what a child reports; at the end of its pipe, send the result."""
        data = os.read(child.pipe, _READ)
        if data:
            child.data += data
            child.quiet_at = time.monotonic() + child.idle_s
            return
        self._selector.unregister(child.pipe)
        os.close(child.pipe)
        del self._children[child.pipe]
        _, status = os.waitpid(child.pid, 0)
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        late = child.killed or number in (signal.SIGPROF, signal.SIGVTALRM, signal.SIGXCPU)
        send(self._sock, {"id": child.job["id"], "lines": child.lines(), "late": late, "signal": number})

    def _fork(self, job: Message) -> ForkedJob | None:
        mine, its = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a process with threads: a suite may make errors of warnings
            pid = os.fork()
        if pid:
            os.close(its)
            child = _Child(pid, mine, job)
            self._children[mine] = child
            self._selector.register(mine, selectors.EVENT_READ)
            return None
        os.setpgid(0, 0)  # programs that a test starts end with the child
        os.close(mine)
        for pipe in self._children:  # a sibling's pipe held open here would never come to its end
            os.close(pipe)
        self._selector.close()
        self._sock.close()
        # Nobody reads what tests print, and a full pipe would stop them.
        null = os.open(os.devnull, os.O_RDWR)
        for target in (0, 1, 2):
            os.dup2(null, target)
        return ForkedJob(job, its)

    def _quit(self) -> None:
        for child in list(self._children.values()):
            child.kill()
            try:
                os.waitpid(child.pid, 0)
            except OSError:
                continue


def preload(modules: list[str]) -> None:
    """Import what the tests will need anyway; a module that does not import alone is left out."""
    for name in modules:
        if name not in sys.modules:
            try:
                __import__(name)
            except BaseException:  # noqa: BLE001, S112 - anything may happen in foreign imports, none of it matters
                continue
