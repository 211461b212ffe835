"""Full validation: what passes the representatives must pass the other failing tests, and all that passed before."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence

from ..analysis.disk import on_disk
from ..runner.baseline import BaselineTest
from ..runner.hosts import HostPool
from .jobs import Jobs
from .trials import Trial

_HOPES = 12
"""Half repairs that are tried in a new import, too."""
_HOPING = 0.15
"""Share of the time for them."""
_MORE_TIME = 6
"""Candidates whose other failing tests get more time at once: one that fails early is quicker than one that passes."""
_EXCUSES = 8
"""Tests of one run that may turn out to fail by themselves."""


class FullValidation:
    """Runs all tests on a candidate."""

    def __init__(self, pool: HostPool, jobs: Jobs, tests: Sequence[BaselineTest], end: float) -> None:
        self._pool, self._jobs, self._end = pool, jobs, end
        self._bad = [test for test in tests if test.bad]
        self._failing = [test.name for test in self._bad]
        self._starting = any(test.starts for test in tests)
        self._importing = any(name.startswith("collect:") for name in self._failing)
        self._hopes, self._more = _HOPES, _MORE_TIME
        self._hoping = _HOPING * (end - time.monotonic())
        self._sample = jobs.sample
        self._asked = len(self._sample)

    def of(self, trial: Trial, kind: str, *, few: bool) -> str:
        """Tell whether a candidate is a ``whole`` repair, a ``half``, one that ran out of time (``late``), or ``none``.

        ``few``: not all failing tests were seen to pass yet. What the candidate repairs is noted in it.
        """
        with on_disk(trial.drafts) if self._starting else contextlib.nullcontext():
            if kind == "cold" or self._importing:
                return self._everything(trial, "cold")
            if few:
                late = self._others(trial)
                if len(trial.fixed) < len(self._failing):
                    return self._imported(trial, late)
            return self._everything(trial, "warm")

    def again(self, trial: Trial) -> str:
        """The same in a new import for a half repair: what was made at import is as broken as it was then."""
        self._asked = len(self._sample)
        with on_disk(trial.drafts) if self._starting else contextlib.nullcontext():
            return self._imported(trial, "half")

    def _imported(self, trial: Trial, otherwise: str) -> str:
        """Import the files anew and run the failing tests, then all others; not where it is not worth the time."""
        hopeless = 2 * len(trial.fixed) < self._asked or min(self._hopes, self._hoping) <= 0
        if "cold" not in self._pool.hosts or hopeless:
            return otherwise
        self._hopes -= 1
        began = time.monotonic()
        lines = self._pool.ask("cold", self._jobs.anew(trial, self._sample))["lines"]
        self._hoping -= time.monotonic() - began
        passed = {line["t"] for line in lines if line.get("o") == "passed"}
        return self._everything(trial, "cold") if passed.issuperset(t.name for t in self._sample) else otherwise

    def _others(self, trial: Trial) -> str:
        """Run the failing tests, a sample first; where one did not end in time, once more with much more."""
        late = False
        for tests in (self._sample, self._bad) if len(self._sample) < len(self._bad) else (self._bad,):
            late = self._tested(trial, tests, patient=trial.retried)
            if late and not trial.retried and self._more > 0:
                self._more -= 1
                late = self._tested(trial, tests, patient=True)
            self._asked = len(tests)
            if len(trial.fixed) < len(tests):
                break
        return "late" if late else "half"

    def _tested(self, trial: Trial, tests: Sequence[BaselineTest], *, patient: bool) -> bool:
        """Note which failing tests pass; whether one ran out of its time."""
        result = self._pool.ask("warm", self._jobs.failing(trial, tests, patient=patient))
        outcomes = {line["t"]: line["o"] for line in result["lines"] if "t" in line}
        trial.fixed = {name for name, outcome in outcomes.items() if outcome == "passed"}
        return bool(result["late"]) or "hung" in outcomes.values()

    def _everything(self, trial: Trial, kind: str) -> str:
        for _ in range(_EXCUSES):
            result = self._pool.ask(kind, self._jobs.everything(trial, self._end - time.monotonic()))
            outcomes = {line["t"]: line["o"] for line in result["lines"] if "t" in line}
            broken = self._jobs.broken(outcomes)
            if not broken:
                break
            # A test that fails among others and passes alone does not speak against a candidate, from now on. Nor does
            # one that fails alone with and without it: it needs what other tests leave behind.
            if not self._passes(broken[0], kind, trial) and self._passes(broken[0], kind, None):
                return "none"
            self._jobs.excuse(broken[0])
        else:
            return "none"
        ended = any("end" in line for line in result["lines"])
        before, trial.fixed = trial.fixed, {name for name in self._failing if outcomes.get(name) == "passed"}
        if len(trial.fixed) == len(self._failing) and (ended or result["late"]):
            trial.sure = ended
            return "whole"
        trial.fixed |= before if kind == "cold" else set()
        return "half" if trial.fixed else "none"

    def _passes(self, name: str, kind: str, trial: Trial | None) -> bool:
        lines = self._pool.ask(kind, self._jobs.alone(trial, name))["lines"]
        return any(line.get("t") == name and line["o"] == "passed" for line in lines)
