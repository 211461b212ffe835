"""One command: started in a session of its own, watched, and ended with everything it started."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from .oom import Oom
from .streams import Stream

LINGER = 0.25
"""Seconds to wait for output that a background process still holds open."""
PATIENCE = 10.0
"""Seconds in which killed processes must be gone; after that the sandbox gives itself up."""
NOT_FOUND, NOT_RUNNABLE = 127, 126
_NICE = 10
_RESTORED = [signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD]


class Command:
    """A running command. ``status`` is set once its first process ended."""

    def __init__(self, header: dict[str, Any], oom: Oom, told: Callable[[int, bytes], None]) -> None:
        self.id: int = header["id"]
        self.ended = "exit"
        self.status: int | None = None
        self.held_open = False
        self._oom = oom
        self._linger = 0.0
        stream = header.get("stream", False)
        self.out = Stream((lambda data: told(1, data)) if stream else None)
        self.err = Stream((lambda data: told(2, data)) if stream else None)
        self.stdin = self.stdin_fd = -1
        """Where its input goes, or -1 once that is closed; and the number it had."""
        self._input = bytearray()
        self._input_open = bool(header.get("stdin"))
        self.began = time.monotonic()
        self.deadline = self.began + header["timeout"]
        self.pid = self._start(header["argv"], header["cwd"], header["env"])
        self.code = 0

    def _start(self, argv: list[str], cwd: str, env: dict[str, str]) -> int:
        stdin, self.stdin = os.pipe2(os.O_CLOEXEC) if self._input_open else (os.open(os.devnull, os.O_RDONLY), -1)
        if self.stdin >= 0:
            os.set_blocking(self.stdin, False)
        self.stdin_fd = self.stdin
        actions = [
            (os.POSIX_SPAWN_DUP2, stdin, 0),
            (os.POSIX_SPAWN_DUP2, self.out.child, 1),
            (os.POSIX_SPAWN_DUP2, self.err.child, 2),
        ]
        self._oom.hog(yes=True)  # whatever uses up the memory, it is not PID 1 that is killed for it
        try:
            # ``posix_spawn`` takes no working directory; PID 1 has one thread, so it can go there and back.
            os.chdir(cwd)
            program = find_program(argv[0], env.get("PATH", ""))
            pid = os.posix_spawn(
                program, argv, env, file_actions=actions, setsid=True, setsigmask=[], setsigdef=_RESTORED
            )
            with suppress(OSError):  # where PID 1 itself was ranked lower, or the command is over already
                os.setpriority(os.PRIO_PROCESS, pid, _NICE)
        except (OSError, ValueError) as error:
            missing = isinstance(error, FileNotFoundError)
            os.write(self.err.child, f"{argv[0]}: {error}\n".encode(errors="replace")[:4_000])
            self.status = (NOT_FOUND if missing else NOT_RUNNABLE) << 8
            pid = 0
        finally:
            self._oom.hog(yes=False)
            os.chdir("/")
            os.close(stdin)
            self.out.started()
            self.err.started()
        return pid

    def feed(self, data: bytes, *, last: bool) -> None:
        """Take in what the command shall read."""
        self._input += data
        self._input_open = not last
        self.pump()

    def pump(self) -> None:
        """Hand over as much input as the command takes now."""
        if self.stdin < 0:
            self._input.clear()
            return
        try:
            while self._input:
                del self._input[: os.write(self.stdin, self._input[: 64 << 10])]
        except BlockingIOError:
            return
        except OSError:  # it reads no more
            self._input.clear()
            self._input_open = False
        if not self._input_open:
            self.close_stdin()

    @property
    def thirsty(self) -> bool:
        """True while there is input that the command has not taken."""
        return self.stdin >= 0 and bool(self._input)

    def close_stdin(self) -> None:
        if self.stdin >= 0:
            os.close(self.stdin)
            self.stdin = -1

    def kill(self, why: str) -> None:
        """End it and everything it started, now."""
        self.ended = why
        self.sweep()

    def over(self, now: float) -> bool:
        """Tell whether there is nothing more to wait for."""
        if self.status is None:
            if now < self.deadline:
                return False
            self.kill("timeout")
            return True
        if not (self.out.open or self.err.open) or not others():
            return True
        self._linger = self._linger or now + LINGER
        self.held_open = now >= self._linger
        return self.held_open

    def wait_until(self) -> float:
        """Return the moment at which ``over`` must be asked again, whatever happens."""
        return self._linger if self.status is not None else self.deadline

    def sweep(self) -> None:
        """Kill every other process in the sandbox and wait until none is left."""
        end = time.monotonic() + PATIENCE
        while others(self.reaped):
            with contextlib.suppress(ProcessLookupError):
                # All but PID 1 itself (kill(2)): a session of its own hides nobody, and no fork bomb outruns it.
                os.kill(-1, signal.SIGKILL)
            if time.monotonic() > end:
                # What outlives SIGKILL hangs in the kernel. The sandbox ends with PID 1, and another one takes its
                # place.
                os._exit(70)
            time.sleep(0.001)
        self.close_stdin()
        self.out.drain()
        self.err.drain()

    def reaped(self, pid: int, status: int) -> None:
        if pid == self.pid:
            self.status = status

    def result(self) -> dict[str, Any]:
        """Return the header of the answer; the payload is the four pieces of output in this order."""
        status = self.status if self.status is not None else signal.SIGKILL
        code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else os.WTERMSIG(status)
        ended = self.ended
        if ended == "exit" and os.WIFSIGNALED(status):
            ended = "signal"
        if self._oom.killed() and ended in {"exit", "signal"} and code != 0:
            ended = "oom"
        if ended not in {"exit", "signal"}:
            code = int(signal.SIGKILL)
        pieces = [len(self.out.head), len(self.out.tail), len(self.err.head), len(self.err.tail)]
        return {
            "ev": "end",
            "id": self.id,
            "ended": ended,
            "code": code,
            "held_open": self.held_open,
            "ms": (time.monotonic() - self.began) * 1_000,
            "pieces": pieces,
            "dropped": [self.out.lost, self.err.lost],
        }

    def output(self) -> bytes:
        return b"".join((self.out.head, self.out.tail, self.err.head, self.err.tail))


def others(reaped: Callable[[int, int], None] | None = None) -> bool:
    """Reap what has ended; tell whether another process is left. Orphans come to PID 1, so none is missed."""
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return True
            if reaped is not None:
                reaped(pid, status)
    except ChildProcessError:
        return False


def find_program(name: str, path: str) -> str:
    """Where a program lies, by the search path of its command. Raises ``FileNotFoundError``."""
    if "/" in name:
        return name
    places = (f"{folder}/{name}" for folder in path.split(":") if folder)
    for place in places:
        if os.access(place, os.X_OK) and not os.path.isdir(place):  # noqa: PTH112  pathlib takes long to import
            return place
    raise FileNotFoundError(2, "command not found")
