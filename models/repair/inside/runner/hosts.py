"""Process pool of the search: starts the acceptance command with the plug-in in it, and hands jobs to its hosts."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shlex
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..analysis.wire import Inbox, Message, send

PACKAGE = "signoff_repair_inside"
_READ = 1 << 20
QUIET = "-W 'ignore:The configuration option:pytest.PytestDeprecationWarning'"
"""pytest-asyncio, which the sandbox has whether or not the project knows it, warns of a setting that is not made: an
error where warnings are errors. A filter of the command line comes after those of the project."""
_LAUNCH = (
    'PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}$1"; export PYTHONPATH; '
    'PYTEST_PLUGINS="${PYTEST_PLUGINS:+$PYTEST_PLUGINS,}$2"; export PYTEST_PLUGINS; '
    'PYTEST_ADDOPTS="${PYTEST_ADDOPTS:+$PYTEST_ADDOPTS }$4"; export PYTEST_ADDOPTS; '
    'PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE; exec sh -c "$3"'
)


class Host:
    """One process that answers jobs."""

    def __init__(self, sock: socket.socket, hello: Message) -> None:
        self.sock, self.hello = sock, hello
        self.inbox = Inbox()
        self.open = 0

    @property
    def kind(self) -> str:
        return str(self.hello["hello"])


class HostPool:
    """The processes of one search. Use as a context manager: everything ends with it."""

    def __init__(self, root: Path, workers: int, paths: Sequence[str]) -> None:
        self.root, self.workers = root, workers
        self._paths = list(paths)
        self.hosts: dict[str, Host] = {}
        self._selector = selectors.DefaultSelector()
        self._next = 0
        self._done: dict[int, Message] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._listener: socket.socket | None = None
        self._box = Path()

    def __enter__(self) -> HostPool:  # noqa: PYI034 - Self is newer than Python 3.9
        self._box = Path(tempfile.mkdtemp(prefix="signoff-repair-"))
        shutil.copytree(
            Path(__file__).parents[1], self._box / "lib" / PACKAGE, ignore=shutil.ignore_patterns("__pycache__")
        )
        request = {"root": str(self.root), "workers": self.workers}
        (self._box / "request.json").write_text(json.dumps(request))
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(self._box / "socket"))
        self._listener.listen(8)
        self._selector.register(self._listener, selectors.EVENT_READ, None)  # None: not a host yet
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every process and remove what was written."""
        self._stop()
        if self._listener is not None:
            self._listener.close()
        self._selector.close()
        shutil.rmtree(self._box, ignore_errors=True)

    def _dismiss(self, op: str) -> None:
        for host in self.hosts.values():
            with contextlib.suppress(OSError):
                send(host.sock, {"op": op})
            with contextlib.suppress(KeyError):
                self._selector.unregister(host.sock)
            host.sock.close()
        self.hosts.clear()

    def _stop(self) -> None:
        """End the command and its hosts, so that another one can be started."""
        self._dismiss("stop")
        (self._box / "claimed").unlink(missing_ok=True)
        if self._process is not None:
            # A moment to end by itself: a session that is killed leaves its temporary folders behind.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(1.0)
            with contextlib.suppress(OSError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def shell(self, command: str) -> tuple[str, ...]:
        """The command as it is started here: same environment, with the plug-in in reach."""
        path = ":".join([str(self._box / "lib"), *self._paths])
        # Not ``-p no:cacheprovider``: with it, pytest would not know the --ff of a project's options.
        options = f"{QUIET} -o cache_dir={shlex.quote(str(self._box / 'cache'))}"
        return ("sh", "-c", _LAUNCH, "sh", path, f"{PACKAGE}.runner.pytest_host", command, options)

    def start(self, command: str, patience_s: float) -> tuple[int | None, str]:
        """Start the command and wait for a warm host.

        Returns (None, "") when one is there, else the exit status (-1: too late) and the last output.
        """
        self._stop()
        log = (self._box / "log").open("wb")
        self._process = subprocess.Popen(
            self.shell(command), cwd=self.root, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
        log.close()
        return self._awaited(self._process, patience_s)

    def following(self, patience_s: float) -> tuple[int | None, str]:
        """Let the session that is there end as one that passes, and wait for the next one of the same command.

        ``cd one && pytest && cd ../two && pytest`` has two. Returns as ``start`` does.
        """
        assert self._process is not None  # noqa: S101 - a session was there
        self._dismiss("release")
        return self._awaited(self._process, patience_s)

    def _awaited(self, process: subprocess.Popen[bytes], patience_s: float) -> tuple[int | None, str]:
        end = time.monotonic() + patience_s
        while "warm" not in self.hosts:
            # A host may have said hello just before the command ended: what arrived counts first.
            if (status := process.poll()) is not None and not self._pump(0.2):
                return status, self.output()
            if time.monotonic() > end:
                return -1, self.output()
            self._pump(0.05)
        return None, ""

    def output(self) -> str:
        """The last of what the command printed."""
        with contextlib.suppress(OSError):
            return (self._box / "log").read_bytes()[-4_000:].decode(errors="replace")
        return ""

    def submit(self, kind: str, job: Message) -> int:
        """Hand a job to a host; its result comes from ``results`` under this number."""
        self._next += 1
        host = self.hosts[kind]
        send(host.sock, {"op": "run", "id": self._next, **job})
        host.open += 1
        return self._next

    def preload(self, kind: str, modules: Sequence[str]) -> None:
        send(self.hosts[kind].sock, {"op": "preload", "modules": list(modules)})

    def result(self, number: int) -> Message:
        """Wait for one job."""
        while number not in self._done:
            self._pump(1.0)
        return self._done.pop(number)

    def ask(self, kind: str, job: Message) -> Message:
        return self.result(self.submit(kind, job))

    def results(self, numbers: dict[int, Any], wait_s: float) -> Iterator[tuple[Any, Message]]:
        """Whatever of these jobs is done by now, waiting a little for the first; removes them from ``numbers``."""
        if not any(number in self._done for number in numbers):
            self._pump(wait_s)
        for number in [number for number in numbers if number in self._done]:
            yield numbers.pop(number), self._done.pop(number)

    def _pump(self, wait_s: float) -> bool:
        events = self._selector.select(wait_s)
        for key, _ in events:
            take: Callable[[], None] = self._accept if key.data is None else lambda host=key.data: self._read(host)
            take()
        return bool(events)

    def _accept(self) -> None:
        assert self._listener is not None  # noqa: S101 - between enter and close
        sock, _ = self._listener.accept()
        inbox = Inbox()
        while True:
            data = sock.recv(_READ)
            if not data:
                return
            for hello in inbox.feed(data):
                host = Host(sock, hello)
                self.hosts[host.kind] = host
                self._selector.register(sock, selectors.EVENT_READ, host)
                return

    def _read(self, host: Host) -> None:
        data = host.sock.recv(_READ)
        if not data:
            self._selector.unregister(host.sock)
            raise HostGone(f"the {host.kind} host ended: {self.output()[-500:]}")
        for message in host.inbox.feed(data):
            host.open -= 1
            self._done[message["id"]] = message


class HostGone(Exception):
    """A process of the search ended by itself."""
