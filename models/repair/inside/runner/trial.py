"""Trial of a candidate in a forked child: applies it, runs tests, reports each outcome."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol

from ..analysis.overrides import Overrides, must_be_writable
from ..analysis.wire import Message
from . import limits
from .forks import ForkedJob
from .patch import Cold, Live
from .probes import Calls, probed
from .trace import Lines, StartedLines

_FRAMES = 60


class TestSession(Protocol):
    """A collected test session."""

    def run(self, test: str, following: str | None) -> Message:
        """Run one test; ``o`` is its outcome, ``m`` a message, ``f`` the frames [path, line] of its traceback."""
        ...

    def rest(self) -> None:
        """Take down what was kept for the next test."""
        ...


def perform(turn: ForkedJob, tests: TestSession, live: Live | None, overrides: Overrides) -> None:
    """Try every candidate of the job on the job's tests, in order."""
    job = turn.job
    limits.bound_memory()
    if "seed" in job:  # every child is a copy of one process: without this, all of them draw the same numbers
        random.seed(job["seed"])
    if not job.get("where"):
        limits.interrupt()
    for number, candidate in enumerate(job["candidates"]):
        patch: list[Message] = candidate["p"]
        undo: Callable[[], None] | None = None
        try:
            must_be_writable(patch)
            limits.arm(job["cpu_s"])
            if live is not None:
                undo = live.apply(patch)
                overrides.put(patch)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            turn.tell({"c": number, "bad": "syntax"})
            continue
        except Cold:
            turn.tell({"c": number, "bad": "cold"})
            continue
        try:
            if "probe" in job:
                _probe(turn, tests)
            else:
                _series(turn, tests, number, candidate.get("t") or job["tests"])
        except limits.Late:  # between tests, or in the test runner itself
            os._exit(0)
        if undo is not None:
            undo()
        overrides.texts.clear()


def _probe(turn: ForkedJob, tests: TestSession) -> None:
    """Tell what the changed functions do with inputs near those of the tests."""
    job = turn.job

    def run() -> None:
        for name in job["tests"]:
            limits.arm(job["cpu_s"])
            tests.run(name, None)
            limits.arm(0)

    turn.tell({"c": 0, "seen": probed(run, Calls(job["probe"], job["files"]))})


def _series(turn: ForkedJob, tests: TestSession, number: int, names: list[str]) -> None:
    """Run tests in order and report them, up to the first that fails where the job says so."""
    job = turn.job
    lines = Lines(job["files"]) if job.get("trace") else None
    started = StartedLines(job["files"]) if job.get("programs") else None
    unsent: list[Message] = []
    for place, name in enumerate(names):
        following = names[place + 1] if place + 1 < len(names) else None
        if job.get("where"):
            _watch(turn, number, name, lines)
        limits.arm(job["cpu_s"])
        began, used = time.monotonic(), time.process_time()
        if lines is not None:
            lines.start()
        outcome = tests.run(name, following)
        if lines is not None:
            outcome["lines"] = started.collect(lines.stop()) if started else lines.stop()
        outcome.update(c=number, t=name, s=time.monotonic() - began, cpu=time.process_time() - used)
        unsent.append(outcome)
        # Each at once, where a kill must not lose it; a brief job is judged as a whole, and saves the writes.
        if not job.get("brief"):
            turn.tell(*unsent)
            unsent.clear()
        late = outcome["o"] == "hung"
        if late or (job.get("stop") and outcome["o"] not in ("passed", "skipped", "xfailed", "xpassed")):
            if following:
                tests.rest()
            break
    limits.arm(0)
    if started is not None:
        started.close()
    turn.tell(*unsent, {"c": number, "end": True})


def _watch(turn: ForkedJob, number: int, name: str, lines: Lines | None) -> None:
    """Tell where a test hangs, in place of silently ending."""

    def hung(_: int, frame: FrameType | None) -> Any:
        frames: list[Any] = []
        inner = f"{frame.f_code.co_filename}:{frame.f_code.co_firstlineno}" if frame is not None else ""
        while frame is not None and len(frames) < _FRAMES:
            frames.append([os.path.realpath(frame.f_code.co_filename), frame.f_lineno])
            frame = frame.f_back
        seen = lines.stop() if lines is not None else {}
        turn.tell(
            {"c": number, "t": name, "o": "hung", "f": frames[::-1], "m": "does not end", "lines": seen, "in": inner}
        )
        os._exit(0)  # at once: a finally of the test could go on for ever as well

    signal.signal(signal.SIGPROF, hung)
