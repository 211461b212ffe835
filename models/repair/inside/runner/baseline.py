"""Baseline run: outcomes, times, tracebacks and coverage of the tests before anything is changed."""

from __future__ import annotations

import time
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..analysis.suspects import Coverage
from ..analysis.wire import Message
from .hosts import HostPool

PASSED = frozenset(("passed", "xpassed"))
GOOD = PASSED | {"skipped", "xfailed"}
_TRACED = 40
_HUNG_TRACED = 2
_HANG_S = 0.4
"""Processor time after which a test is taken to hang, if it is not just one of many slow ones."""
_SLOW_S = 1.5
_BATCH = 20
_CONTROLLED = 8
"""Failing tests that are run again as things stand, the quickest."""


@dataclass
class BaselineTest:
    """One test as it is before the repair."""

    name: str
    file: str
    outcome: str = "unknown"
    seconds: float = 0.0
    cpu: float = 0.0
    message: str = ""
    error: str = ""
    frames: list[tuple[str, int]] = field(default_factory=list)
    values: list[Any] = field(default_factory=list)
    """Strings and numbers that it held when it failed."""
    lines: Coverage | None = None
    starts: bool = False
    """It starts another program, which reads the project's files itself."""

    @property
    def bad(self) -> bool:
        return self.outcome in ("failed", "error", "hung", "crashed")

    @property
    def sign(self) -> tuple[str, Any]:
        """Equal for tests that fail the same way."""
        where = () if self.outcome == "hung" else tuple(self.frames[-1:])
        return self.error or self.outcome, where


class Baseline:
    """Runs every test once, and the interesting ones again with their lines recorded."""

    def __init__(self, pool: HostPool, files: Sequence[str]) -> None:
        self._pool = pool
        self._files = list(files)
        hello = pool.hosts["warm"].hello
        self.tests: dict[str, BaselineTest] = {i["id"]: BaselineTest(i["id"], i["file"]) for i in hello["items"]}
        for broken in hello["broken"]:
            name = "collect:" + broken["id"]
            file = broken["id"].partition("::")[0]
            self.tests[name] = BaselineTest(
                name, f"{hello['root']}/{file}", outcome="error", message=broken["m"], error="collect"
            )
        self._slowest = 0.0
        self._patience = 0.0

    @property
    def failing(self) -> list[BaselineTest]:
        return [test for test in self.tests.values() if test.bad]

    def run(self, until: float) -> None:
        """Run all tests, in as many processes as there are workers, until a moment of ``time.monotonic``."""
        names = [name for name in self.tests if not name.startswith("collect:")]
        self._all(_chunks(names, self._pool.workers, self.tests), until)
        self._slow_ones(until)

    def leave_out(self, named: Container[tuple[str, str]]) -> None:
        """Failing tests that nobody asked for: they may fail afterwards, too."""
        for test in self.failing:
            if test.error != "collect" and (test.name, test.file) not in named:
                test.outcome = "left out"

    def _slow_ones(self, until: float) -> None:
        """What seemed to hang may only be slow. Where one has no end, others that are in the same place have none."""
        places: dict[str, list[str]] = {}
        for test in self.failing:
            if test.outcome == "hung":
                places.setdefault(test.message, []).append(test.name)
        for names in places.values():
            self._patience = _SLOW_S
            self._all([names[:1]], until)
            first = self.tests[names[0]]
            if first.outcome != "hung" and names[1:]:
                self._patience = max(_SLOW_S, 5 * first.cpu)
                self._all(_chunks(names[1:], self._pool.workers, self.tests), until)

    def _all(self, chunks: Sequence[list[str]], until: float) -> None:
        open_: dict[int, list[str]] = {}
        for chunk in chunks:
            open_[self._submit(chunk, until)] = chunk
        while open_:
            for chunk, result in self._pool.results(open_, 0.5):
                rest = self._learn(chunk, result)
                if rest and time.monotonic() < until - 0.2:
                    open_[self._submit(rest, until)] = rest

    def _submit(self, names: list[str], until: float) -> int:
        # Many hanging tests mostly hang in one place: the later ones get less time to prove it.
        hung = sum(test.outcome == "hung" for test in self.tests.values())
        first = _HANG_S if hung <= _HUNG_TRACED else _HANG_S / 3
        patience = self._patience or max(first, 20 * self._slowest)
        return self._pool.submit(
            "warm",
            {
                "candidates": [{"p": []}],
                "tests": names,
                "cpu_s": patience,
                "idle_s": max(15.0, 3 * patience),
                "total_s": max(1.0, until - time.monotonic()),
                "where": True,
            },
        )

    def _learn(self, names: list[str], result: Message) -> list[str]:
        """Note the outcomes; the tests that did not get their turn are returned."""
        for line in result["lines"]:
            if "t" in line:
                test = self.tests[line["t"]]
                test.outcome = line["o"]
                test.seconds, test.cpu = (line.get("s", 0.0), line.get("cpu", 0.0))
                test.message, test.error = (line.get("in") or line.get("m", ""), line.get("e", ""))
                test.starts = bool(line.get("p"))
                test.values = line.get("v", [])
                test.frames = [(path, number) for path, number in line.get("f", [])]
                if not test.bad:
                    self._slowest = max(self._slowest, test.cpu)
        reported = {line["t"] for line in result["lines"] if "t" in line}
        rest = [name for name in names if name not in reported]
        finished = any(line.get("end") for line in result["lines"])
        hung = any(line.get("o") == "hung" for line in result["lines"])
        # The child died without a word: the first test without an outcome is the one that was running.
        if rest and not finished and not hung:
            self.tests[rest[0]].outcome = "hung" if result["late"] else "crashed"
            rest = rest[1:]
        return [] if finished else rest

    def trace_failing(self, until: float) -> None:
        """Record the lines of failing tests, each in its own process; one that passes alone is not failing."""
        open_: dict[int, BaselineTest] = {}
        # Each hanging test costs its whole time here, and two of them show the lines of the loop already.
        hung = [test for test in self.failing if test.outcome == "hung"][:_HUNG_TRACED]
        rest = sorted((test for test in self.failing if test.outcome != "hung"), key=lambda test: test.seconds)
        for test in [*hung, *rest[:_TRACED]]:
            open_[self._traced([test.name], until, test)] = test
        while open_ and time.monotonic() < until:
            for test, result in self._pool.results(open_, 0.5):
                for line in result["lines"]:
                    if line.get("t") == test.name:
                        test.lines = line.get("lines") or {}
                        if line["o"] in GOOD:
                            test.outcome = "flaky"

    def control(self, until: float, runs: int) -> None:
        """Run failing tests again with nothing changed; one that passes now and then is not failing.

        Whatever is tried while it happens to pass would look like its repair.
        """
        ends = [test for test in self.failing if test.outcome != "hung" and test.error != "collect"]
        open_: dict[int, BaselineTest] = {}
        for test in sorted(ends, key=lambda test: test.seconds)[:_CONTROLLED]:
            for seed in range(runs):
                open_[self._pool.submit("warm", {**self._job([test.name], until, test), "seed": seed})] = test
        while open_ and time.monotonic() < until:
            for test, result in self._pool.results(open_, 0.5):
                if any(line.get("t") == test.name and line["o"] in GOOD for line in result["lines"]):
                    test.outcome = "flaky"

    def trace_passing(self, near: Sequence[BaselineTest], until: float) -> None:
        """Record the lines of passing tests, those in the files of failing tests first."""
        files = {test.file for test in near}
        good = [test for test in self.tests.values() if test.outcome == "passed"]
        good.sort(key=lambda test: (test.file not in files, test.cpu))
        # In batches: passing tests only make lines less suspicious, so one process for each would cost too much.
        batches = [good[at : at + _BATCH] for at in range(0, len(good), _BATCH)]
        open_: dict[int, list[BaselineTest]] = {}
        while (batches or open_) and time.monotonic() < until:
            while batches and len(open_) < self._pool.workers + 1:
                batch = batches.pop(0)
                open_[self._traced([test.name for test in batch], until, batch[-1])] = batch
            for _, result in self._pool.results(open_, 0.5):
                for line in result["lines"]:
                    if "t" in line:
                        self.tests[line["t"]].lines = line.get("lines")

    def _traced(self, names: list[str], until: float, test: BaselineTest) -> int:
        cold = names[0].startswith("collect:")
        programs = any(self.tests[name].starts for name in names)
        job = {**self._job(names, until, test), "trace": True, "files": self._files, "programs": programs}
        if cold:
            job["only"] = [test.file]
        return self._pool.submit("cold" if cold else "warm", job)

    def _job(self, names: list[str], until: float, test: BaselineTest) -> Message:
        return {
            "candidates": [{"p": []}],
            "tests": names,
            "where": True,
            "cpu_s": 0.3 if test.outcome == "hung" else max(3.0, 30 * test.cpu),
            "idle_s": 30.0,
            "total_s": max(1.0, until - time.monotonic()),
        }


def _chunks(names: list[str], count: int, tests: dict[str, BaselineTest]) -> list[list[str]]:
    """Split into runs of about equal length that do not cut a file."""
    if len(names) < 2 * count:
        return [names] if names else []
    size = len(names) / count
    chunks: list[list[str]] = [[]]
    last = ""
    for name in names:
        if len(chunks[-1]) >= size and tests[name].file != last:
            chunks.append([])
        chunks[-1].append(name)
        last = tests[name].file
    return chunks
