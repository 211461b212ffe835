"""PYTEST_DONT_REWRITE: the pytest plug-in that turns a test session into a fork server.

Loaded by ``PYTEST_PLUGINS`` in whatever pytest the acceptance command starts. The first session
claims the search; it forks once before the project is imported (the cold host, for changes that
need a new import) and serves from ``pytest_runtestloop`` with everything collected (the warm host).
"""

from __future__ import annotations

import json
import os
import socket
import sys
from pathlib import Path
from typing import Any
from unittest import SkipTest

import pytest

from . import limits
from .forks import ForkServer, Turn
from .patch import Live, Overrides
from .trace import Lines
from .trial import perform
from .wire import Message, send

_BOX = Path(__file__).resolve().parents[2]
_MESSAGE = 2_000
_FRAMES = 60


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
    if os.fork() == 0:
        cold = _connect()
        send(cold, {"hello": "cold", "pid": os.getpid()})
        turn = ForkServer(cold, request["workers"]).serve()
        if turn is None:
            os._exit(0)
        overrides.put([part for candidate in turn.job["candidates"] for part in candidate["p"]])
        plugin: Any = Again(turn, overrides)
    else:
        plugin = Session(request, overrides)
    early_config.pluginmanager.register(plugin, "signoff-repair-session")


def _connect() -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(_BOX / "socket"))
    return sock


class _Outcomes:
    """Collects what pytest reports about one test, cheaply: no rendered tracebacks."""

    def __init__(self) -> None:
        self._reports: list[Any] = []
        self._seen: Message = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Any:
        kept = getattr(item, "_excinfo", None)  # where pytest keeps what unittest caught
        excinfo = call.excinfo or (kept[0] if kept else None)
        if excinfo is None or isinstance(excinfo.value, (pytest.skip.Exception, SkipTest)):
            return None
        if kept:
            call.excinfo = kept.pop(0)
        if "f" not in self._seen:
            self._seen["f"] = _frames(excinfo.tb)
            self._seen["m"] = _message(excinfo.value)
            self._seen["e"] = type(excinfo.value).__name__
        return pytest.TestReport(
            nodeid=item.nodeid, location=item.location, keywords={}, outcome="failed", longrepr="", when=call.when
        )

    def pytest_runtest_logreport(self, report: Any) -> None:
        self._reports.append(report)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        from _pytest.assertion import util  # noqa: PLC0415 - only where pytest is there

        util._reprcompare = None  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]

    def run(self, item: Any, following: Any) -> Message:
        self._reports.clear()
        self._seen = {}
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        outcome = "passed"
        for report in self._reports:
            if report.failed:
                outcome = "failed" if report.when == "call" else "error"
                break
            if report.skipped:
                outcome = "xfailed" if hasattr(report, "wasxfail") else "skipped"
            elif report.when == "call" and hasattr(report, "wasxfail"):
                outcome = "xpassed"
        return {"o": outcome, **(self._seen if outcome in ("failed", "error") else {})}


def _frames(tb: Any) -> list[Any]:
    frames: list[Any] = []
    while tb is not None:
        frames.append([os.path.realpath(tb.tb_frame.f_code.co_filename), tb.tb_lineno])
        tb = tb.tb_next
    return frames if len(frames) <= _FRAMES else frames[: _FRAMES // 2] + frames[-_FRAMES // 2 :]


def _message(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"[:_MESSAGE]
    except Exception:  # noqa: BLE001 - a project's own __str__ may do anything
        return type(error).__name__


class _Items:
    """The collected items as ``trial.Tests``."""

    def __init__(self, items: list[Any], outcomes: _Outcomes) -> None:
        self.by_name: dict[str, Any] = {}
        for item in items:
            self.by_name.setdefault(item.nodeid, item)
        self._outcomes = outcomes

    def run(self, test: str, following: str | None) -> Message:
        item = self.by_name.get(test)
        if item is None:
            return {"o": "missing"}
        return self._outcomes.run(item, self.by_name.get(following) if following else None)


def _quiet(session: Any, outcomes: _Outcomes) -> None:
    """No captured output, no terminal: the reports are all that counts."""
    manager = session.config.pluginmanager
    capture = manager.getplugin("capturemanager")
    if capture is not None:
        capture.stop_global_capturing()
        capture._method = "no"  # noqa: SLF001 - the files behind the global capture are shared by all children
        capture.start_global_capturing()
    for name in ("terminalreporter", "junitxml", "logxml"):
        plugin = manager.getplugin(name)
        if plugin is not None:
            manager.unregister(plugin)
    manager.register(outcomes, "signoff-repair-outcomes")


class Session:
    """The warm host."""

    def __init__(self, request: Message, overrides: Overrides) -> None:
        self._request = request
        self._overrides = overrides
        self._broken: list[Message] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_cmdline_main(self, config: Any) -> None:
        _alone(config)

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._broken.append({"id": report.nodeid, "m": str(report.longrepr)[-_MESSAGE:]})

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        outcomes = _Outcomes()
        items = _Items(session.items, outcomes)
        sock = _connect()
        send(sock, {
            "hello": "warm",
            "cwd": str(Path.cwd()),
            "root": str(session.config.rootpath),
            "python": sys.executable,
            "items": [{"id": name, "file": str(item.path)} for name, item in items.by_name.items()],
            "broken": self._broken,
            "modules": [name for name, module in sys.modules.items() if _foreign(module, self._request["root"])],
        })  # fmt: skip
        live = Live(self._request["root"])
        turn = ForkServer(sock, self._request["workers"]).serve()
        if turn is not None:
            _quiet(session, outcomes)
            perform(turn, items, live, self._overrides)
            os._exit(0)
        return True


def _foreign(module: Any, root: str) -> bool:
    path = getattr(module, "__file__", None)
    return isinstance(path, str) and not os.path.realpath(path).startswith(root + os.sep)


def _alone(config: Any) -> None:
    """No worker processes of pytest-xdist: the search brings its own."""
    if getattr(config.option, "numprocesses", None):
        config.option.numprocesses = 0
        config.option.dist = "no"
        config.option.tx = []


class Again:
    """A forked child of the cold host: the whole session anew, with a candidate in place of a file."""

    def __init__(self, turn: Turn, overrides: Overrides) -> None:
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
            self._broken[report.nodeid] = str(report.longrepr)[-_MESSAGE:]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: Any) -> bool:
        outcomes = _Outcomes()
        items = _Items(session.items, outcomes)
        imported = self._lines.stop() if self._lines is not None else {}
        _quiet(session, outcomes)
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
            job["tests"] += [name for name in items.by_name if name not in job["tests"]]
        if bad and job.get("stop"):
            self._turn.tell({"c": 0, "end": True})
        else:
            job["candidates"] = [{"p": []}]
            perform(self._turn, items, None, self._overrides)
        os._exit(0)
        return True
