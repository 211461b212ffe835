"""Test selection and time limits: jobs for the hosts, with the tests that a candidate must face and their limits."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from ..analysis.project import Files
from ..analysis.wire import Message
from ..runner.baseline import GOOD, PASSED, Baseline, BaselineTest
from .trials import Trial

_REPRESENTATIVES = 4
_SENTINELS = 2
_SAMPLED = 60
"""Failing tests that are asked for whether a candidate repairs most of them, where hundreds fail."""
_QUICK_S = 0.1
_FLOOR_S = 0.025
"""Enough for some hundred thousand lines; what needs more gets it when nothing else is left to try."""
_IDLE_S = 1.5
"""Nothing happens for so long, beside what the tests themselves take: a candidate made one of them wait for ever."""
_IMPORTING_S = 1.5
"""For a file of tests that is collected again."""
_SURVEY_TESTS = 400
_SURVEY_S = 8.0
_PROBED = 6
_PROBE_S = 4.0
_LEAST_LEFT_S = 3.0
_LEAST_S = 20.0
_LONGEST_S = 4.0
_PATIENCE = 8


class Jobs:
    """Writes jobs; knows how the tests behave when nothing is changed."""

    def __init__(self, baseline: Baseline, files: Files) -> None:
        self._tests, self._files = baseline.tests, files
        self._failing = baseline.failing
        self._excused: set[str] = set()
        self._good = [test for test in self._tests.values() if test.outcome in GOOD]
        near = {test.file for test in self._failing}
        passed = [test for test in self._good if test.outcome == "passed" and test.cpu < _QUICK_S]
        self._sentinels = sorted(passed, key=lambda test: (test.file not in near, test.cpu))[:_SENTINELS]

    @property
    def sample(self) -> list[BaselineTest]:
        """Some failing tests of every kind, those whose lines are known first."""
        kinds: dict[Any, list[BaselineTest]] = {}
        for test in sorted(self._failing, key=lambda test: (test.outcome == "hung", not test.lines, test.cpu)):
            kinds.setdefault(test.sign, []).append(test)
        turns = zip_longest(*kinds.values())
        return [test for turn in turns for test in turn if test is not None][:_SAMPLED]

    def was_good(self, name: str) -> bool:
        """Tell whether a test did not fail before; a test that was not there did not."""
        test = self._tests.get(name)
        return name not in self._excused and (test is None or test.outcome in GOOD)

    def broken(self, outcomes: dict[str, str]) -> list[str]:
        """The tests that were good before and are not any more; one that passed and is skipped now proves nothing."""
        passed = {test.name for test in self._good if test.outcome in PASSED}
        return [
            name
            for name, outcome in outcomes.items()
            if self.was_good(name) and outcome not in (PASSED if name in passed else GOOD)
        ]

    def excuse(self, name: str) -> None:
        """Do not ask this test any more: it fails by itself."""
        self._excused.add(name)

    def representatives(self, fixed: Sequence[str] = ()) -> list[BaselineTest]:
        """A few failing tests that fail in different ways, the quickest of each."""
        kinds: dict[Any, BaselineTest] = {}
        still = [test for test in self._failing if test.name not in fixed]
        # A test that hangs costs its whole time for every candidate, and one that starts programs much of it.
        still = [test for test in still if test.outcome != "hung"] or still
        still = [test for test in still if not test.starts] or still
        for test in sorted(still, key=lambda test: (test.outcome == "hung", test.cpu)):
            kinds.setdefault(test.sign, test)
        return list(kinds.values())[:_REPRESENTATIVES]

    def cpu_s(self, tests: Sequence[BaselineTest]) -> float:
        """Processor time a candidate may take for one of these tests."""
        files = {test.file for test in tests}
        peers = sorted(test.cpu for test in self._good if test.file in files and test.outcome == "passed")
        # A repaired test takes as long as its neighbours do: the one that fails now may end much too early.
        usual = peers[int(len(peers) * 0.9)] if peers else 0.0
        own = max((test.cpu for test in tests if test.outcome != "hung"), default=0.0)
        importing = _IMPORTING_S if any(test.error == "collect" for test in tests) else 0.0
        return _FLOOR_S + importing + max(8 * own, 10 * usual)

    def quick(self, group: Sequence[Trial], tests: Sequence[BaselineTest], *, stop: bool, live: bool = True) -> Message:
        """Many candidates in one child, and at its end the sentinels, which show whether the child was spoiled.

        ``stop`` at the first test that fails: what repairs only another one of them is not noticed then.
        ``live``: the candidates are put into the process; otherwise they lie on disk already.
        """
        # A candidate may make tests wait for ever, for a lock or a queue: that takes no processor time.
        files = {test.file for test in tests}
        slowest = max((test.seconds for test in self._tests.values() if test.file in files), default=0.0)
        candidates: list[Message] = [{"p": self._files.patch(trial.drafts) if live else []} for trial in group]
        if len(group) > 1 and self._sentinels:
            candidates.append({"p": [], "t": [test.name for test in self._sentinels]})
        cpu = self.cpu_s(tests) * (_PATIENCE if group[0].retried else 1)
        return {
            "candidates": candidates,
            "tests": [test.name for test in tests],
            "stop": stop,
            "cpu_s": cpu,
            "idle_s": 4 * cpu + _IDLE_S + _PATIENCE * slowest,
            "total_s": 600.0,
            "brief": True,
        }

    def anew(self, trial: Trial, tests: Sequence[BaselineTest]) -> Message:
        """One candidate in a new session that imports the changed files."""
        return {
            **self._one(trial, [test.name for test in tests]),
            "stop": True,
            "cpu_s": self.cpu_s(tests) + 2.0,
            "idle_s": 30.0,
            "total_s": 120.0,
            "files": [],
            "only": sorted({test.file for test in tests}),
        }

    def failing(self, trial: Trial, tests: Sequence[BaselineTest], *, patient: bool) -> Message:
        """These failing tests, with little patience for the ones that hang."""
        cpu = 3 * self.cpu_s(self._failing) * (_PATIENCE if patient else 1)
        names = [test.name for test in sorted(tests, key=lambda test: test.outcome == "hung")]
        return {**self._one(trial, names), "stop": False, "cpu_s": cpu, "idle_s": 4 * cpu + 8.0, "total_s": 120.0}

    def everything(self, trial: Trial, left_s: float) -> Message:
        """All failing tests, then the tests that run the changed files, then all others."""
        asked = self.in_order(set(trial.drafts))
        slow = max((test.cpu for test in self._good), default=0.0)
        total = sum(test.seconds for test in self._good)
        return {
            **self._one(trial, [test.name for test in (*self._failing, *asked)]),
            "stop": True,
            "everything": True,
            "cpu_s": max(_LONGEST_S, 10 * slow),
            "idle_s": max(_LEAST_S, 10 * slow),
            "files": [],
            "total_s": max(_LEAST_LEFT_S, min(8 * total + _LEAST_S, left_s)),
            "without": sorted(self._excused),
        }

    def in_order(self, changed: set[str]) -> list[BaselineTest]:
        """Test prioritisation: those that run changed files first, quick files before slow ones, a file as collected.

        Some tests need what an earlier one of their file left behind.
        """
        costs: dict[tuple[bool, bool, str], float] = {}
        asked = [test for test in self._good if test.name not in self._excused]
        keys = [(t.lines is not None and not changed & set(t.lines), t.lines is None, t.file) for t in asked]
        for test, key in zip(asked, keys):  # noqa: B905 - Python 3.9
            costs[key] = costs.get(key, 0.0) + test.cpu
        ranked = sorted(range(len(asked)), key=lambda n: (keys[n][:2], costs[keys[n]], keys[n][2], n))
        return [asked[number] for number in ranked]

    def alone(self, trial: Trial | None, name: str) -> Message:
        """One test that was good before, with a candidate or (None) with the files as they are."""
        test = self._tests.get(name)
        job = {"stop": True, "cpu_s": _LONGEST_S, "idle_s": _LEAST_S, "total_s": _LEAST_S, "files": []}
        asked = self._one(trial, [name]) if trial else {"candidates": [{"p": []}], "tests": [name]}
        return {**asked, **job, **({"only": [test.file]} if test else {})}

    def survey(self, trial: Trial) -> Message:
        """A sample of the failing tests and the quick ones of the others, to the end."""
        rest = sorted(self._good, key=lambda test: test.cpu)[:_SURVEY_TESTS]
        return {
            **self._one(trial, [test.name for test in (*self.sample, *rest)]),
            "stop": False,
            "cpu_s": max(0.5, self.cpu_s(self._failing)),
            "idle_s": _SURVEY_S,
            "total_s": _SURVEY_S,
        }

    def probe(self, trial: Trial, root: str) -> Message:
        """The failing tests, and a few quick ones beside them, for the calls that they make."""
        near = {test.file for test in self._failing}
        good = sorted((test for test in self._good if test.file in near), key=lambda test: test.cpu)[:_PROBED]
        failing = [test for test in self._failing if test.outcome != "hung"] or self._failing
        names = [test.name for test in (*failing[:_PROBED], *good)]
        return {
            **self._one(trial, names),
            "probe": root,
            "files": sorted(near),
            "cpu_s": 4 * self.cpu_s(self._failing),
            "idle_s": _PROBE_S,
            "total_s": _PROBE_S,
        }

    def _one(self, trial: Trial, names: list[str]) -> Message:
        return {"candidates": [{"p": self._files.patch(trial.drafts)}], "tests": names}
