"""Jobs for the hosts: which tests a candidate must face, and how long each may take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .baseline import GOOD, Baseline, Seen
from .project import Files
from .trials import Trial
from .wire import Message

_REPRESENTATIVES = 4
_SENTINELS = 2
_QUICK_S = 0.1
_FLOOR_S = 0.025
"""Enough for some hundred thousand lines; what needs more gets it when nothing else is left to try."""
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
        self._good = [test for test in self._tests.values() if test.outcome in GOOD]
        near = {test.file for test in self._failing}
        passed = [test for test in self._good if test.outcome == "passed" and test.cpu < _QUICK_S]
        self._sentinels = sorted(passed, key=lambda test: (test.file not in near, test.cpu))[:_SENTINELS]

    def was_good(self, name: str) -> bool:
        """Tell whether a test did not fail before; a test that was not there did not."""
        test = self._tests.get(name)
        return test is None or test.outcome in GOOD

    def broken(self, outcomes: dict[str, str]) -> bool:
        """Tell whether a test that was good before is not any more."""
        return any(outcome not in GOOD and self.was_good(name) for name, outcome in outcomes.items())

    def representatives(self, fixed: Sequence[str] = ()) -> list[Seen]:
        """A few failing tests that fail in different ways, the quickest of each."""
        kinds: dict[Any, Seen] = {}
        still = [test for test in self._failing if test.name not in fixed]
        still = [test for test in still if test.outcome != "hung"] or still
        still = [test for test in still if not test.starts] or still
        for test in sorted(still, key=lambda test: (test.outcome == "hung", test.cpu)):
            kinds.setdefault(test.sign, test)
        return list(kinds.values())[:_REPRESENTATIVES]

    def cpu_s(self, tests: Sequence[Seen]) -> float:
        """Processor time a candidate may take for one of these tests."""
        files = {test.file for test in tests}
        peers = sorted(test.cpu for test in self._good if test.file in files and test.outcome == "passed")
        usual = peers[int(len(peers) * 0.9)] if peers else 0.0
        own = max((test.cpu for test in tests if test.outcome != "hung"), default=0.0)
        return _FLOOR_S + max(8 * own, 10 * usual)

    def quick(self, group: Sequence[Trial], tests: Sequence[Seen]) -> Message:
        """Many candidates in one child, and at its end the sentinels, which show whether the child was spoiled."""
        candidates: list[Message] = [{"p": self._files.patch(trial.drafts)} for trial in group]
        if len(group) > 1 and self._sentinels:
            candidates.append({"p": [], "t": [test.name for test in self._sentinels]})
        cpu = self.cpu_s(tests) * (_PATIENCE if group[0].retried else 1)
        return {
            "candidates": candidates, "tests": [test.name for test in tests], "stop": len(tests) == 1, "cpu_s": cpu,
            "idle_s": 4 * cpu + 8.0, "total_s": 600.0,
        }  # fmt: skip

    def anew(self, trial: Trial, tests: Sequence[Seen]) -> Message:
        """One candidate in a new session that imports the changed files."""
        return {
            **self._one(trial, [test.name for test in tests]), "stop": True, "cpu_s": self.cpu_s(tests) + 2.0,
            "idle_s": 30.0, "total_s": 120.0, "files": [], "only": sorted({test.file for test in tests}),
        }  # fmt: skip

    def failing(self, trial: Trial) -> Message:
        """All failing tests, with little patience for the ones that hang."""
        cpu = 3 * self.cpu_s(self._failing) * (_PATIENCE if trial.retried else 1)
        names = [test.name for test in sorted(self._failing, key=lambda test: test.outcome == "hung")]
        return {**self._one(trial, names), "stop": True, "cpu_s": cpu, "idle_s": 4 * cpu + 8.0, "total_s": 120.0}

    def everything(self, trial: Trial, left_s: float) -> Message:
        """All failing tests, then the tests that run the changed files, then all others."""
        changed = set(trial.drafts)
        rest = sorted(
            self._good, key=lambda t: (t.lines is not None and not changed & set(t.lines), t.lines is None, t.cpu)
        )
        slow = max((test.cpu for test in self._good), default=0.0)
        total = sum(test.seconds for test in self._good)
        return {
            **self._one(trial, [test.name for test in (*self._failing, *rest)]), "stop": True, "everything": True,
            "cpu_s": max(_LONGEST_S, 10 * slow), "idle_s": max(_LEAST_S, 10 * slow), "files": [],
            "total_s": max(_LEAST_LEFT_S, min(8 * total + _LEAST_S, left_s)),
        }  # fmt: skip

    def survey(self, trial: Trial) -> Message:
        """All failing tests and the quick ones of the others, to the end."""
        rest = sorted(self._good, key=lambda test: test.cpu)[:_SURVEY_TESTS]
        return {
            **self._one(trial, [test.name for test in (*self._failing, *rest)]), "stop": False,
            "cpu_s": max(0.5, self.cpu_s(self._failing)), "idle_s": _SURVEY_S, "total_s": _SURVEY_S,
        }  # fmt: skip

    def probe(self, trial: Trial, root: str) -> Message:
        """The failing tests, and a few quick ones beside them, for the calls that they make."""
        near = {test.file for test in self._failing}
        good = sorted((test for test in self._good if test.file in near), key=lambda test: test.cpu)[:_PROBED]
        failing = [test for test in self._failing if test.outcome != "hung"] or self._failing
        names = [test.name for test in (*failing[:_PROBED], *good)]
        return {
            **self._one(trial, names), "probe": root, "files": sorted(near), "cpu_s": 4 * self.cpu_s(self._failing),
            "idle_s": _PROBE_S, "total_s": _PROBE_S,
        }  # fmt: skip

    def _one(self, trial: Trial, names: list[str]) -> Message:
        return {"candidates": [{"p": self._files.patch(trial.drafts)}], "tests": names}
