"""PID 1 of a sandbox: takes frames on stdin, answers with marked frames on stdout.

One thread, one command at a time. Whatever is wrong with what comes in ends the process, and with it
the sandbox; whatever a command does is a value in an answer.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from . import files
from .command import Command, others
from .files import Incoming, NotDone
from .frames import CHUNK, BrokenFrame, Out, Unpacker
from .oom import Oom
from .tunnel import Tunnel

_PR_SET_DUMPABLE = 4
_FOLDERS = ["/work/repo", "/work/home", "/tmp"]  # noqa: S108  the sandbox's own
_READ = 256 << 10


class Runner:
    """The event loop and the verbs."""

    def __init__(self, key: bytes, oom: Oom) -> None:
        self._out = Out(key)
        self._oom = oom
        self._in = Unpacker()
        self._poll = select.epoll()
        self._ready: dict[int, Callable[[], None]] = {}
        self._command: Command | None = None
        self._incoming: dict[int, Incoming | None] = {}
        self._tunnel = Tunnel(self._out.send)
        self._verbs: dict[str, Callable[[dict[str, Any], bytes], None]] = {
            "run": self._run,
            "stdin": self._stdin,
            "kill": self._kill,
            "read": self._read,
            "write": self._write,
            "delete": self._delete,
            "ping": self._ok,
            "tunnel": self._open_tunnel,
            "net": self._tunnel.take,
        }
        self._woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(
            signal.SIGCHLD, lambda _number, _frame: None
        )  # that a handler exists is what writes to the wake-up pipe
        self._watch(self._woken, self._wake)
        self._watch(0, self._hear)

    def run(self) -> None:
        self._out.send({"ev": "hello", "python": sys.version.split()[0], "uid": os.getuid()})
        while True:
            command = self._command
            # Until the command must be looked at; without one, until something comes in.
            pause = -1 if command is None else max(0.0, command.wait_until() - time.monotonic())
            for fd, _ in self._poll.poll(pause):
                call = self._ready.get(fd)
                if call is not None:
                    call()
            self._look()

    def _watch(self, fd: int, call: Callable[[], None], events: int = select.EPOLLIN) -> None:
        self._ready[fd] = call
        self._poll.register(fd, events)

    def _wake(self) -> None:
        os.read(self._woken, 4_096)
        command = self._command
        # Orphans come to PID 1, too, and stay as zombies until it takes them.
        others(None if command is None else command.reaped)

    def _hear(self) -> None:
        data = os.read(0, _READ)
        if not data:
            os._exit(0)  # the orchestrator is gone, and everything in here goes with PID 1
        for header, payload in self._in.feed(data):
            self._verbs[header["op"]](header, payload)

    def _look(self) -> None:
        """See how the command is doing; answer when it is over."""
        command = self._command
        if command is None:
            return
        for stream in (command.out, command.err):
            if not stream.open:
                self._ready.pop(stream.fd, None)  # a closed descriptor left epoll by itself
        if command.over(time.monotonic()):
            self._end(command)
        elif command.stdin < 0:
            self._ready.pop(command.stdin_fd, None)
        elif not command.thirsty and self._ready.pop(command.stdin, None) is not None:
            self._poll.unregister(command.stdin)

    def _end(self, command: Command) -> None:
        for fd in (command.out.fd, command.err.fd, command.stdin_fd):
            self._ready.pop(fd, None)
        command.sweep()
        self._command = None
        self._out.send(command.result(), command.output())

    def _run(self, header: dict[str, Any], _: bytes) -> None:
        if self._command is not None:
            raise BrokenFrame("two commands at once")
        command = Command(
            header, self._oom, lambda fd, data: self._out.send({"ev": "out", "id": header["id"], "fd": fd}, data)
        )
        self._command = command
        self._watch(command.out.fd, command.out.empty)
        self._watch(command.err.fd, command.err.empty)

    def _stdin(self, header: dict[str, Any], payload: bytes) -> None:
        command = self._command
        if command is None or command.id != header["id"]:
            return  # it ended before it read everything
        command.feed(payload, last=header["last"])
        if command.thirsty and command.stdin not in self._ready:
            self._watch(command.stdin, command.pump, select.EPOLLOUT)

    def _kill(self, header: dict[str, Any], _: bytes) -> None:
        command = self._command
        if command is not None and command.id == header["id"]:
            command.kill("cancelled")
            self._end(command)

    def _read(self, header: dict[str, Any], _: bytes) -> None:
        try:
            for data in files.read(header["path"], header["limit"], CHUNK):
                self._out.send({"ev": "data", "id": header["id"]}, data)
        except NotDone as problem:
            self._no(header, problem)
        else:
            self._ok(header)

    def _write(self, header: dict[str, Any], payload: bytes) -> None:
        number = header["id"]
        try:
            if number not in self._incoming:
                self._incoming[number] = None  # after a refusal the rest of the frames is ignored
                self._incoming[number] = Incoming(header["path"], header["mode"])
            file = self._incoming[number]
            if file is not None:
                file.add(payload)
                if header["last"]:
                    file.done()
                    self._ok(header)
        except NotDone as problem:
            self._incoming[number] = None
            self._no(header, problem)
        if header["last"]:
            self._incoming.pop(number, None)

    def _delete(self, header: dict[str, Any], _: bytes) -> None:
        try:
            files.delete(header["path"])
        except NotDone as problem:
            self._no(header, problem)
        else:
            self._ok(header)

    def _open_tunnel(self, header: dict[str, Any], _: bytes) -> None:
        self._tunnel.open()
        if self._tunnel.fileno() not in self._ready:
            self._watch(self._tunnel.fileno(), self._tunnel.turn)
        self._ok(header)

    def _ok(self, header: dict[str, Any], _: bytes = b"") -> None:
        self._out.send({"ev": "ok", "id": header["id"]})

    def _no(self, header: dict[str, Any], problem: NotDone) -> None:
        self._out.send({"ev": "no", "id": header["id"], "code": problem.code, "message": str(problem)})


def main(key: bytes) -> None:
    """Become PID 1. Killing everything else is part of the trade, so never run this anywhere else."""
    if os.getpid() != 1:
        raise SystemExit("only as PID 1 of a sandbox")
    oom = Oom()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN)
    # Undumpable: commands have the same user, and could trace it or read its memory and descriptors otherwise
    # (prctl(2)).
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    files.prepare(_FOLDERS)
    Runner(key, oom).run()
