"""Pytest outcomes: what the items of a session come to, without rendered tracebacks."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any
from unittest import SkipTest

import pytest

from ..analysis.disk import STARTS
from ..analysis.wire import Message
from .limits import Late

_MOST_VALUES = 60
_DEEPEST = 4
_LONGEST = 60


def values(tb: Any, path: str) -> list[Any]:
    """Strings and numbers in the variables of the test's own frames, through lists, tuples and dictionaries."""
    variables: list[Any] = []
    path = os.path.realpath(path)
    while tb is not None:
        if os.path.realpath(tb.tb_frame.f_code.co_filename) == path:
            for name, thing in tb.tb_frame.f_locals.items():
                if name != "self" and not name.startswith("@"):
                    _take(thing, variables, _DEEPEST)
        tb = tb.tb_next
    return list(dict.fromkeys(variables))


def _take(thing: Any, variables: list[Any], deep: int) -> None:
    kind = type(thing)  # not isinstance: a subclass may do anything when it is asked for its parts
    if len(variables) >= _MOST_VALUES or not deep:
        return
    if (kind is str and len(thing) <= _LONGEST) or (kind in (int, float) and abs(thing) < 1e12):  # noqa: PLR2004
        variables.append(thing)
    elif kind in (list, tuple, set):
        for part in list(thing)[:_MOST_VALUES]:
            _take(part, variables, deep - 1)
    elif kind is dict:
        for pair in list(thing.items())[:_MOST_VALUES]:
            _take(pair, variables, deep)


MESSAGE = 2_000
_FRAMES = 60


class Outcomes:
    """Collects what pytest reports about one test, cheaply: no rendered tracebacks."""

    def __init__(self) -> None:
        self._reports: list[Any] = []
        self._seen: Message = {}
        self._late = False
        self.curious = False
        """Whether it is wanted where and how a test fails, too."""
        self._started = False

        def notice(event: str, _: Any) -> None:
            if event in STARTS:
                self._started = True

        sys.addaudithook(notice)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, item: Any, call: Any) -> Any:
        caught = getattr(item, "_excinfo", None)  # where pytest keeps what unittest caught
        excinfo = call.excinfo or (caught[0] if caught else None)
        if excinfo is None or isinstance(excinfo.value, (pytest.skip.Exception, SkipTest)):
            return None
        if caught:
            call.excinfo = caught.pop(0)
        self._late = self._late or isinstance(excinfo.value, Late)
        if self.curious and "f" not in self._seen:
            self._seen["f"] = frames(excinfo.tb)
            self._seen["m"] = message(excinfo.value)
            self._seen["e"] = type(excinfo.value).__name__
            self._seen["v"] = values(excinfo.tb, str(item.path))
        # A report of our own: to render a traceback takes longer than most tests.
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
        self._late = self._started = False
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        outcome = "passed"
        for report in self._reports:
            if report.failed:
                if self._late:
                    if report.when != "call":  # interrupted where fixtures are made: they are kept half made
                        os._exit(0)
                    return {"o": "hung"}
                outcome = "failed" if report.when == "call" else "error"
                break
            if report.skipped:
                outcome = "xfailed" if hasattr(report, "wasxfail") else "skipped"
            elif report.when == "call" and hasattr(report, "wasxfail"):
                outcome = "xpassed"
        started = {"p": True} if self._started else {}
        return {"o": outcome, **started, **(self._seen if outcome in ("failed", "error") else {})}


def frames(tb: Any) -> list[Any]:
    """Real path and line of each frame of a traceback; of an endless recursion the first and the last ones."""
    places: list[Any] = []
    real: dict[str, str] = {}
    while tb is not None:
        name = tb.tb_frame.f_code.co_filename
        if name not in real:
            real[name] = os.path.realpath(name)
        places.append([real[name], tb.tb_lineno])
        tb = tb.tb_next
    return places if len(places) <= _FRAMES else places[: _FRAMES // 2] + places[-_FRAMES // 2 :]


def message(error: BaseException) -> str:
    """Type and text of an error, also of one that cannot say what it is."""
    try:
        return f"{type(error).__name__}: {error}"[:MESSAGE]
    except Exception:  # noqa: BLE001 - a project's own __str__ may do anything
        return type(error).__name__


class CollectedTests:
    """The collected items as ``trial.TestSession``."""

    def __init__(self, items: list[Any], outcomes: Outcomes, broken: Mapping[str, Any] | None = None) -> None:
        self.by_name: dict[str, Any] = {}
        self._broken = broken or {}
        for item in items:
            self.by_name.setdefault(item.nodeid, item)
        self._outcomes = outcomes

    def run(self, test: str, following: str | None) -> Message:
        item = self.by_name.get(test)
        if item is None:
            return {"o": _collects(self._broken[test])} if test in self._broken else {"o": "missing"}
        return self._outcomes.run(item, self.by_name.get(following) if following else None)

    def rest(self) -> None:
        """Take down what was set up for a test that is not run after all."""
        item = next(iter(self.by_name.values()), None)
        if item is not None:
            item.session._setupstate.teardown_exact(None)  # noqa: SLF001 - as pytest itself after --maxfail


def _collects(collector: Any) -> str:
    """Try again to collect what could not be collected: the outcome of that."""
    try:
        for node in collector.collect():
            if isinstance(node, pytest.Collector) and _collects(node) != "passed":
                return "error"
    except Late:
        return "hung"
    except BaseException:  # noqa: BLE001 - importing a test file may raise anything, skips and exits too
        return "error"
    return "passed"


def quiet(session: Any, outcomes: Outcomes) -> None:
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
