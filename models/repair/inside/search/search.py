"""Generate-and-validate search: tests candidates in order; then a second edit on top of a partial repair."""

from __future__ import annotations

import contextlib
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace

from ..analysis.disk import on_disk
from ..analysis.wire import Message
from ..runner.baseline import GOOD, Baseline
from ..runner.hosts import HostPool
from .candidates import Candidates
from .jobs import Jobs
from .proof import FullValidation
from .trials import Sharing, Tally, Trial, promise, varied

_THOROUGH = 400
"""Candidates that face all representatives, whether or not they pass the first."""
_IMPORT_SHARE = 0.15
"""Of the time, for candidates that need a new import, while there are others."""
_DRAIN_S = 2.0
_SURVEYED = 16
_BASES = 6
_AFTERGLOW = 0.35
"""Share of the time to the first repair that is spent looking for others."""


class RepairSearch:
    """Looks for drafts that make all failing tests pass and break none."""

    def __init__(self, pool: HostPool, baseline: Baseline, jobs: Jobs, end: float, say: Callable[[str], None]) -> None:
        self._pool, self._jobs, self._end, self._say = pool, jobs, end, say
        self._failing = [test.name for test in baseline.failing]
        self._proof = FullValidation(pool, jobs, list(baseline.tests.values()), end)
        self._began = self._until = time.monotonic()
        self._importing = 0.0
        self._quick = jobs.representatives()
        self._starting = all(test.starts for test in self._quick)
        """What fails is seen in programs that the tests start: those read candidates on disk, one at a time."""
        self._on_disk = contextlib.ExitStack()
        self._sharing = Sharing(alone=self._starting or any(test.error == "collect" for test in self._quick))
        self._again: deque[Trial] = deque()
        self._anew: deque[Trial] = deque()
        self._late: list[Trial] = []
        self._partial: list[Trial] = []
        self.tally = Tally()
        self.plausible: list[Trial] = []

    def explore(self, trials: Iterator[Trial], until: float) -> None:
        """Validate candidates in order until a moment, or until enough repairs are found."""
        self._until = until
        open_: dict[int, list[Trial]] = {}
        anew: dict[int, list[Trial]] = {}
        while time.monotonic() < self._until:
            while len(open_) <= (0 if self._starting else self._pool.workers) and (group := self._next(trials)):
                if self._starting and not self._written(group[0]):
                    continue
                # All representatives for the best candidates, to learn of half repairs; then only while they pass.
                stop = len(self._quick) == 1 or self.tally.tried > _THOROUGH
                job = self._jobs.quick(group, self._quick, stop=stop, live=not self._starting)
                open_[self._pool.submit("warm", job)] = group
            while self._anew and self._may_import(len(open_), len(anew)):
                trial = self._anew.popleft()
                anew[self._pool.submit("cold", self._jobs.anew(trial, self._quick))] = [trial]
                trial.started = time.monotonic()
            if not open_ and not anew:
                return
            self._take(open_, anew)
        # What is still running may end: its results count, and it does not slow what comes next.
        end = min(self._end, time.monotonic() + (_DRAIN_S if not self.plausible else _DRAIN_S / 4))
        while (open_ or anew) and time.monotonic() < end:
            self._take(open_, anew)
        self._on_disk.close()
        self._again.extendleft(trial for group in open_.values() for trial in group)
        self._anew.extendleft(trial for group in anew.values() for trial in group)

    def _written(self, trial: Trial) -> bool:
        """Put a candidate on disk until its result is there; False when it is no Python, or not in that encoding."""
        try:
            for path, text in trial.drafts.items():
                compile(text, path, "exec", dont_inherit=True)
            self._on_disk.enter_context(on_disk(trial.drafts))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            self.tally.invalid += 1
            return False
        return True

    def _may_import(self, warm: int, anew: int) -> bool:
        """An import costs hundreds of times as much as live code: a share of the time while there is both to try."""
        if not warm:
            return anew < self._pool.workers
        return not anew and self._importing <= _IMPORT_SHARE * (time.monotonic() - self._began)

    def _take(self, open_: dict[int, list[Trial]], anew: dict[int, list[Trial]]) -> None:
        waiting = {number: (number in open_, group) for number, group in (*open_.items(), *anew.items())}
        for (warm, group), result in self._pool.results(waiting, 0.5):
            self._on_disk.close()
            (self._judge if warm else self._judge_anew)(group, result)
        for number in {*open_, *anew} - waiting.keys():
            (open_ if number in open_ else anew).pop(number)

    def _next(self, trials: Iterator[Trial]) -> list[Trial]:
        group = [self._again.popleft() for _ in range(min(self._sharing.size, len(self._again)))]
        while len(group) < self._sharing.size and (trial := next(trials, None)) is not None:
            (self._anew if trial.importing else group).append(trial)
        return group

    def _judge(self, group: list[Trial], result: Message) -> None:
        """Learn how the candidates that shared a process did."""
        by: dict[int, list[Message]] = {}
        for line in result["lines"]:
            by.setdefault(line["c"], []).append(line)
        # The sentinels failed, which no candidate touched: nothing in this process can be believed.
        if any(line.get("o", "passed") not in GOOD for line in by.get(len(group), [])):
            self._sharing.spoiled()
            self._again.extend(group)
            return
        self._sharing.kept(len(group))
        for number, trial in enumerate(group):
            lines = by.get(number, [])
            if not self._weigh(trial, lines):
                self._timed_out(trial, lines, stuck=result["signal"] == signal.SIGKILL)
                # The child ended here; those behind it had no turn.
                self._again.extend(group[number + 1 :])
                return

    def _weigh(self, trial: Trial, lines: list[Message]) -> bool:
        """Learn how a candidate did; False when the child ended in the middle of it."""
        bad = next((line["bad"] for line in lines if "bad" in line), None)
        if bad == "cold":
            self._anew.append(trial)
        elif bad:
            self.tally.invalid += 1
        elif not any("end" in line for line in lines):
            return False
        elif any(line.get("o") == "hung" for line in lines):
            self._timed_out(trial, lines)
        else:
            self._learn(trial, lines, "warm")
        return True

    def _learn(self, trial: Trial, lines: list[Message], kind: str) -> None:
        self.tally.tried += 1
        trial.fixed = {line["t"] for line in lines if line.get("o") == "passed"}
        if trial.fixed.issuperset(test.name for test in self._quick):
            host = "cold" if self._starting and "cold" in self._pool.hosts else kind
            proved = self._proof.of(trial, host, few=len(self._failing) > len(self._quick))
            if proved == "whole":
                self._plausible(trial)
            elif proved != "none":
                self._partial.append(trial)
            if proved == "late" and not trial.retried:
                self._late.append(trial)
        elif trial.fixed and kind == "warm":
            self.tally.partial += 1
            self._partial.append(trial)

    def _timed_out(self, trial: Trial, lines: list[Message], *, stuck: bool = False) -> None:
        """``stuck``: it waited for nothing and was ended from outside; more time would not help it."""
        self.tally.late += 1
        if not trial.retried and not stuck:
            self._late.append(trial)
        trial.fixed = {line["t"] for line in lines if line.get("o") == "passed"}
        if trial.fixed:
            self._partial.append(trial)

    def _judge_anew(self, group: list[Trial], result: Message) -> None:
        self.tally.cold += 1
        self._importing += time.monotonic() - group[0].started
        self._learn(group[0], result["lines"], "cold")

    def _plausible(self, trial: Trial) -> None:
        now = time.monotonic()
        if not self.plausible:
            self._say(f"{trial.kind} at {trial.where} passes every test after {self.tally.tried} candidates")
            self._until = min(self._until, now + max(1.5, _AFTERGLOW * (now - self._began)))
        self.plausible.append(trial)

    def bases(self, until: float) -> list[Trial]:
        """Edits that repair some failing tests and break nothing: a second edit may do the rest."""
        ranked = sorted(self._partial, key=promise) if len(self._quick) > 1 else []
        self._partial = []
        harmless: list[Trial] = []
        for trial in ranked[:_SURVEYED]:
            if time.monotonic() >= until:
                break
            lines = self._pool.ask("warm", self._jobs.survey(trial))["lines"]
            outcomes = {line["t"]: line["o"] for line in lines if "t" in line}
            trial.fixed = {name for name in self._failing if outcomes.get(name) == "passed"}
            if trial.fixed and not self._jobs.broken(outcomes):
                harmless.append(trial)
        best = varied(harmless)[:_BASES]
        # Before a second edit: the first may be whole, and only what was made at import keeps tests failing.
        for trial in best:
            if time.monotonic() < self._end and not self.plausible and self._proof.again(trial) == "whole":
                self._plausible(trial)
        return [] if self.plausible else best

    def deepen(self, base: Trial, candidates: Candidates, until: float) -> None:
        """Look for a second edit on top of a partial repair."""
        self._say(f"{base.kind} at {base.where} repairs {len(base.fixed)} of {len(self._jobs.sample)} failing tests")
        # The search on top is one of its own: single edits go on afterwards where they were.
        before = self._partial, self._again, self._anew
        self._partial, self._again, self._anew = [], deque(), deque()
        self._quick = self._jobs.representatives(sorted(base.fixed))
        self.explore(candidates.ranked(base) if self._quick else iter(()), until)
        self._quick = self._jobs.representatives()
        self._partial, self._again, self._anew = before

    def retry(self, until: float) -> None:
        """More time for candidates that ran out of it."""
        late, self._late = sorted(self._late, key=promise), []
        self.explore((replace(trial, retried=True) for trial in late), until)
