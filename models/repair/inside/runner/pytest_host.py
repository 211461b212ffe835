"""Pytest plug-in that turns a test session into a fork server (PYTEST_DONT_REWRITE, which pytest looks for).

Loaded by ``PYTEST_PLUGINS`` in whatever pytest the acceptance command starts. The first session
claims the search; it forks once before the project is imported (the cold host, for changes that
need a new import) and serves from ``pytest_runtestloop`` with everything collected (the warm host).
"""

from __future__ import annotations

import json
import os
import socket
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from ..analysis.overrides import Overrides
from ..analysis.wire import Message, send
from . import limits
from .forks import ForkedJob, ForkServer
from .outcomes import MESSAGE, CollectedTests, Outcomes, quiet
from .patch import Live
from .trace import Lines
from .trial import perform

_BOX = Path(__file__).resolve().parents[3]


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: Any) -> None:
    """Claim the search for this session, unless another one has it."""
    try:
        os.close(os.open(_BOX / "claimed", os.O_CREAT | os.O_EXCL | os.O_WRONLY))
    except OSError:
        return
    request = json.loads((_BOX / "request.json").read_text())
    overrides = Overrides()
    overrides.install()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a process with threads: the suite may make errors of warnings
        child = os.fork() == 0
    if child:
        cold = _connect()
        send(cold, {"hello": "cold", "pid": os.getpid()})
        turn = ForkServer(cold, request["workers"]).serve()
        if turn is None:
            os._exit(0)
        overrides.put([part for candidate in turn.job["candidates"] for part in candidate["p"]])
        plugin: Any = ColdSession(turn, overrides)
    else:
        plugin = Session(request, overrides)
    early_config.pluginmanager.register(plugin, "signoff-repair-session")


def _connect() -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(_BOX / "socket"))
    return sock


class Session:
    """The warm host."""

    def __init__(self, request: Message, overrides: Overrides) -> None:
        self._request = request
        self._overrides = overrides
        self._broken: list[Message] = []
        self._collectors: dict[str, Any] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        _alone(config)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._broken.append({"id": report.nodeid, "m": str(report.longrepr)[-MESSAGE:]})

    def pytest_exception_interact(self, node: Any) -> None:
        if isinstance(node, pytest.Collector):
            self._collectors[f"collect:{node.nodeid}"] = node

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        outcomes = Outcomes()
        items = CollectedTests(session.items, outcomes, self._collectors)
        root = self._request["root"] + os.sep
        named = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
        files = {name: os.path.realpath(file) for name, file in named.items() if isinstance(file, str)}
        sock = _connect()
        send(
            sock,
            {
                "hello": "warm",
                "cwd": str(Path.cwd()),
                "root": str(session.config.rootpath),
                "python": sys.executable,
                "items": [
                    {"id": name, "file": str(item.path), "doc": type(item).__name__ == "DoctestItem"}
                    for name, item in items.by_name.items()
                ],
                "broken": self._broken,
                "modules": [name for name, path in files.items() if not path.startswith(root)],
                "loaded": [path for path in files.values() if path.startswith(root)],
            },
        )
        live = Live(self._request["root"])
        server = ForkServer(sock, self._request["workers"])
        turn = server.serve()
        if turn is not None:
            quiet(session, outcomes)
            outcomes.curious = bool(turn.job.get("where"))
            perform(turn, items, live, self._overrides)
            os._exit(0)
        if server.released:
            (_BOX / "claimed").unlink()
        return True


def _alone(config: Any) -> None:
    """No worker processes of pytest-xdist: the search brings its own."""
    if getattr(config.option, "numprocesses", None):
        config.option.numprocesses = 0
        config.option.dist = "no"
        config.option.tx = []


class ColdSession:
    """A forked child of the cold host: the whole session anew, with a candidate in place of a file."""

    def __init__(self, turn: ForkedJob, overrides: Overrides) -> None:
        self._turn = turn
        self._overrides = overrides
        self._broken: dict[str, str] = {}
        self._lines = Lines(turn.job["files"]) if turn.job.get("trace") else None
        if self._lines is not None:
            self._lines.start()
        limits.bound_memory()

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        _alone(config)
        if self._turn.job.get("only"):
            config.args = list(self._turn.job["only"])

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._broken[report.nodeid] = str(report.longrepr)[-MESSAGE:]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        outcomes = Outcomes()
        items = CollectedTests(session.items, outcomes)
        imported = self._lines.stop() if self._lines is not None else {}
        quiet(session, outcomes)
        job = self._turn.job
        whole = [name for name in job["tests"] if name.startswith("collect:")]
        bad = 0
        for name in whole:
            message = self._broken.get(name.partition(":")[2])
            bad += message is not None
            outcome = "passed" if message is None else "error"
            self._turn.tell({"c": 0, "t": name, "o": outcome, "m": message or "", "lines": imported, "s": 0, "cpu": 0})
        job["tests"] = [name for name in job["tests"] if name not in whole]
        if job.get("everything"):
            known = {*job["tests"], *job.get("without", ())}
            job["tests"] += [name for name in items.by_name if name not in known]
        if bad and job.get("stop"):
            self._turn.tell({"c": 0, "end": True})
        else:
            job["candidates"] = [{"p": []}]
            perform(self._turn, items, None, self._overrides)
        os._exit(0)
        return True
