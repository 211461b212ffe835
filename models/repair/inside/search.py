"""The search itself: localise, generate, validate; then once more on top of a partial repair."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from heapq import merge
from typing import Any

from .baseline import GOOD, Baseline, Seen
from .hints import hints
from .ideas import Candidate, Ideal
from .lab import Lab
from .project import Drafts, Files
from .source import Code
from .suspects import Weights, boosted, indirect, mentioned, ochiai, spread
from .wire import Message

_BATCH = 16
_REPRESENTATIVES = 4
_SENTINELS = 2
_SURVEYED = 16
_SURVEY_TESTS = 400
_SURVEY_S = 8.0
_BASES = 6
_LEAST_S = 20.0
_AFTERGLOW = 0.35
"""Share of the time to the first repair that is spent looking for others."""


@dataclass
class Trial:
    """A candidate on its way through validation."""

    drafts: Drafts
    score: float
    kind: str
    where: str
    rank: int
    size: int = 0
    fixed: set[str] = field(default_factory=set)
    retried: bool = False
    sure: bool = True
    """Every test was run and none got worse; False when time ran out before the last test."""


@dataclass
class Tally:
    """What was done."""

    tried: int = 0
    invalid: int = 0
    late: int = 0
    partial: int = 0
    cold: int = 0


class Search:
    """Looks for drafts that make all failing tests pass and break none."""

    def __init__(
        self, lab: Lab, baseline: Baseline, files: Files, paths: Sequence[str], say: Callable[[str], None], until: float
    ) -> None:
        self._lab, self._baseline, self._files = lab, baseline, files
        self._paths = list(paths)
        self._say, self._until = say, until
        self._began = time.monotonic()
        self.tally = Tally()
        self.plausible: list[Trial] = []
        self.partial: list[Trial] = []
        self._seen: set[int] = set()
        self._batch = _BATCH
        self._stop_at = until
        self._late: list[Trial] = []
        self._failing = baseline.failing
        self._quick = self._representatives(self._failing)
        self._hints = hints([(test.name, test.file) for test in self._failing[:20]])

    # -- candidates ---------------------------------------------------------------------------------

    def weights(self, suspects: Sequence[str], fixed: AbstractSet[str] = frozenset()) -> Weights:
        """How suspicious the project's lines are, when some failing tests count as repaired."""
        still = [test for test in self._failing if test.name not in fixed]
        fine = [test for test in self._baseline.tests.values() if test.outcome == "passed" or test.name in fixed]
        table = ochiai([test.lines for test in still if test.lines], [test.lines for test in fine if test.lines])
        return boosted(table, [test.frames for test in still], suspects)

    def ranked(self, weights: Weights, on: Trial | None = None) -> Iterator[Trial]:
        """Every edit of suspicious lines, best first; ``on`` top of another edit."""
        base = on.drafts if on else {}
        before = f"{on.kind} at {on.where}, " if on else ""
        codes: dict[str, Code] = {}
        for path in weights:
            try:
                codes[path] = Code(path, base[path]) if path in base else self._files.code(path)
            except (SyntaxError, ValueError, OSError):
                continue
        words = mentioned(weights, codes)
        lists: list[list[Candidate]] = []
        for path in self._paths:
            if path in codes:
                table = spread(codes[path], weights[path])
                table.update(indirect(codes[path], table, words))
                lists.append(Ideal(codes[path], self._hints).candidates(table.__getitem__, table))
        for rank, found in enumerate(merge(*lists, key=lambda candidate: -candidate.score)):
            text = codes[found.path].text
            new = text[: found.idea.start] + found.idea.text + text[found.idea.end :]
            drafts = {**base, found.path: new}
            key = hash(tuple(sorted(drafts.items())))
            if key not in self._seen:
                self._seen.add(key)
                size = len(found.idea.text) - (found.idea.end - found.idea.start)
                where = f"{found.path}:{found.line}"
                yield Trial(drafts, found.score, before + found.idea.kind, where, rank, size)

    # -- validation ---------------------------------------------------------------------------------

    def explore(self, trials: Iterator[Trial], until: float) -> None:
        """Validate candidates in order until time is up or enough repairs are found."""
        self._stop_at = min(until, self._until)
        open_: dict[int, tuple[str, list[Trial]]] = {}
        again: deque[Trial] = deque()
        cold: deque[Trial] = deque()
        while time.monotonic() < self._stop_at:
            while sum(kind != "cold" for kind, _ in open_.values()) < self._lab.workers + 1:
                group = self._next(again, trials)
                if not group:
                    break
                open_[self._submit(group)] = ("quick", group)
            anew = 1 if any(kind == "quick" for kind, _ in open_.values()) else self._lab.workers
            while cold and sum(kind == "cold" for kind, _ in open_.values()) < anew:
                self.tally.cold += 1
                trial = cold.popleft()
                open_[self._submit_cold(trial)] = ("cold", [trial])
            if not open_:
                return
            for (kind, group), result in self._lab.results(open_, 0.5):
                if kind == "quick":
                    self._judge(group, result, again, cold)
                elif kind == "cold":
                    self._judge_cold(group[0], result)
        self._drain(open_)

    def _drain(self, open_: dict[int, Any]) -> None:
        end = time.monotonic() + 2.0
        while open_ and time.monotonic() < end:
            for _ in self._lab.results(open_, 0.2):
                continue

    def _next(self, again: deque[Trial], trials: Iterator[Trial]) -> list[Trial]:
        if again and self._batch == 1:
            return [again.popleft()]
        group: list[Trial] = []
        while again and len(group) < self._batch:
            group.append(again.popleft())
        while len(group) < self._batch:
            trial = next(trials, None)
            if trial is None:
                break
            group.append(trial)
        return group

    def _representatives(self, failing: Sequence[Seen]) -> list[Seen]:
        """A few failing tests that fail in different ways, the quickest of each."""
        kinds: dict[Any, Seen] = {}
        for test in sorted(failing, key=lambda test: (test.outcome == "hung", test.cpu)):
            kinds.setdefault(test.sign, test)
        return list(kinds.values())[:_REPRESENTATIVES]

    def _sentinels(self) -> list[Seen]:
        """Passing tests near the failing ones that show whether candidates spoil the process."""
        files = {test.file for test in self._failing}
        good = [test for test in self._baseline.tests.values() if test.outcome == "passed" and test.cpu < 0.1]  # noqa: PLR2004
        good.sort(key=lambda test: (test.file not in files, test.cpu))
        return good[:_SENTINELS]

    def _cpu(self, tests: Sequence[Seen]) -> float:
        """Processor time a candidate may take for one of these tests."""
        files = {test.file for test in tests}
        peers = [t.cpu for t in self._baseline.tests.values() if t.file in files and t.outcome == "passed"]
        own = max((test.cpu for test in tests if test.outcome != "hung"), default=0.0)
        floor = 0.15 if any(test.outcome == "hung" for test in tests) else 0.1
        usual = sorted(peers)[int(len(peers) * 0.9)] if peers else 0.0
        return max(floor, 8 * own + 0.05, 6 * usual)

    def _submit(self, group: list[Trial]) -> int:
        names = [test.name for test in self._quick]
        candidates: list[Message] = [{"p": self._files.patch(trial.drafts)} for trial in group]
        if len(group) > 1 and (sentinels := self._sentinels()):
            candidates.append({"p": [], "t": [test.name for test in sentinels]})
        cpu = self._cpu(self._quick) * (8 if group[0].retried else 1)
        return self._lab.submit("warm", {
            "candidates": candidates, "tests": names, "stop": len(self._quick) == 1, "cpu_s": cpu,
            "idle_s": 4 * cpu + 8.0, "total_s": 600.0,
        })  # fmt: skip

    def _judge(self, group: list[Trial], result: Message, again: deque[Trial], cold: deque[Trial]) -> None:
        by: dict[int, list[Message]] = {}
        for line in result["lines"]:
            by.setdefault(line["c"], []).append(line)
        poisoned = any(line.get("o") not in (*GOOD, None) for line in by.get(len(group), []))
        if poisoned:
            self._batch = 1
            again.extendleft(reversed(group))
            return
        broken = False
        for number, trial in enumerate(group):
            lines = by.get(number, [])
            if broken:
                again.append(trial)
                continue
            bad = next((line["bad"] for line in lines if "bad" in line), None)
            if bad == "cold":
                cold.append(trial)
            elif bad:
                self.tally.invalid += 1
            elif not any("end" in line for line in lines):
                broken = True
                self._timed_out(trial, lines)
            else:
                self._weigh(trial, lines)

    def _timed_out(self, trial: Trial, lines: list[Message]) -> None:
        self.tally.tried += 1
        self.tally.late += 1
        if not trial.retried:
            self._late.append(trial)
        self._note_partial(trial, lines)

    def _weigh(self, trial: Trial, lines: list[Message]) -> None:
        self.tally.tried += 1
        names = {test.name for test in self._quick}
        fixed = {line["t"] for line in lines if line.get("o") == "passed"}
        if names <= fixed:
            self._confirm(trial, "warm")
        else:
            self._note_partial(trial, lines)

    def _note_partial(self, trial: Trial, lines: list[Message]) -> None:
        fixed = {line["t"] for line in lines if line.get("o") == "passed"}
        if fixed:
            trial.fixed = fixed
            self.partial.append(trial)
            self.tally.partial += 1

    def _submit_cold(self, trial: Trial) -> int:
        tests = [test.name for test in self._quick]
        return self._lab.submit("cold", self._cold_job(trial, tests, self._cpu(self._quick)))

    def _cold_job(self, trial: Trial, tests: list[str], cpu: float, everything: bool = False) -> Message:
        files = sorted({self._baseline.tests[name].file for name in tests})
        return {
            "candidates": [{"p": self._files.patch(trial.drafts)}], "tests": tests, "stop": True, "cpu_s": cpu + 2.0,
            "idle_s": 30.0, "total_s": 120.0, "files": [], "only": [] if everything else files, "everything": everything,
        }  # fmt: skip

    def _judge_cold(self, trial: Trial, result: Message) -> None:
        lines = result["lines"]
        if not any("end" in line for line in lines):
            self.tally.tried += 1
            return
        self.tally.tried += 1
        fixed = {line["t"] for line in lines if line.get("o") == "passed"}
        if {test.name for test in self._quick} <= fixed:
            self._confirm(trial, "cold")

    # -- confirmation ---------------------------------------------------------------------------------

    def _confirm(self, trial: Trial, kind: str) -> None:
        """All failing tests, then the tests that run the changed lines, then all others."""
        tests = self._baseline.tests
        failing = [test.name for test in self._failing]
        good = [test for test in tests.values() if test.outcome in GOOD]
        changed = set(trial.drafts)
        good.sort(
            key=lambda test: (not (test.lines is None or changed & set(test.lines)), test.lines is None, test.cpu)
        )
        order = [*failing, *(test.name for test in good)]
        if kind == "warm" and any(name.startswith("collect:") for name in failing):
            kind = "cold"
        total = sum(test.seconds for test in good)
        slow = max((test.cpu for test in good), default=0.0)
        until = max(_LEAST_S, min(8 * total + _LEAST_S, self._until - time.monotonic()))
        job = self._cold_job(trial, order, 0.0, everything=True)
        job.update(cpu_s=max(2.0, 10 * slow), total_s=until, idle_s=max(_LEAST_S, 10 * slow), stop=True)
        if kind == "warm":
            job["only"] = None
        result = self._lab.ask(kind, job)
        outcomes = {line["t"]: line["o"] for line in result["lines"] if "t" in line}
        ended = any("end" in line for line in result["lines"])
        broke = [name for name, outcome in outcomes.items() if outcome not in GOOD and self._was_good(name)]
        fixed = all(outcomes.get(name) == "passed" for name in failing)
        if fixed and not broke and (ended or result["late"]):
            trial.sure = ended
            self._found(trial)
        elif not broke and any(outcomes.get(name) == "passed" for name in failing):
            trial.fixed = {name for name in failing if outcomes.get(name) == "passed"}
            self.partial.append(trial)

    # -- two edits ----------------------------------------------------------------------------------

    def bases(self) -> list[Trial]:
        """Edits that repair some failing tests and break nothing: a second edit may do the rest."""
        ranked = sorted(self.partial, key=lambda trial: (-len(trial.fixed), -trial.score))
        self.partial = []
        surveyed = [trial for trial in ranked[:_SURVEYED] if time.monotonic() < self._until and self._survey(trial)]
        surveyed.sort(key=lambda trial: (-len(trial.fixed), -trial.score))
        distinct = {tuple(sorted(trial.fixed)): trial for trial in reversed(surveyed)}
        first = sorted(distinct.values(), key=lambda trial: (-len(trial.fixed), -trial.score))
        return [*first, *(trial for trial in surveyed if trial not in first)][:_BASES]

    def _survey(self, trial: Trial) -> bool:
        """Run everything quick on a partial repair; keep it when no test got worse."""
        failing = [test.name for test in self._failing]
        good = sorted((test for test in self._baseline.tests.values() if test.outcome in GOOD), key=lambda t: t.cpu)
        job = self._cold_job(trial, [*failing, *(test.name for test in good[:_SURVEY_TESTS])], 0.0)
        job.update(cpu_s=max(0.5, self._cpu(self._failing)), total_s=_SURVEY_S, idle_s=5.0, stop=False, only=None)
        outcomes = {line["t"]: line["o"] for line in self._lab.ask("warm", job)["lines"] if "t" in line}
        broke = [name for name, outcome in outcomes.items() if outcome not in GOOD and self._was_good(name)]
        trial.fixed = {name for name in failing if outcomes.get(name) == "passed"}
        return bool(trial.fixed) and not broke

    def deepen(self, base: Trial, suspects: Sequence[str], until: float) -> None:
        """Look for a second edit on top of a partial repair."""
        self._say(f"a {base.kind} at {base.where} repairs {len(base.fixed)} of {len(self._failing)} failing tests")
        quick = self._quick
        self._quick = self._representatives([test for test in self._failing if test.name not in base.fixed])
        self.explore(self.ranked(self.weights(suspects, base.fixed), base), until)
        self._quick = quick

    def _was_good(self, name: str) -> bool:
        test = self._baseline.tests.get(name)
        return test is None or test.outcome in GOOD

    def _found(self, trial: Trial) -> None:
        now = time.monotonic()
        if not self.plausible:
            self._say(f"a {trial.kind} at {trial.where} passes every test after {self.tally.tried} candidates")
            extra = max(1.5, _AFTERGLOW * (now - self._began))
            self._stop_at = min(self._stop_at, now + extra)
        self.plausible.append(trial)

    def retry_late(self) -> None:
        """Candidates that ran out of time get more of it."""
        late, self._late = self._late, []
        for trial in late:
            trial.retried = True
        self.explore(iter(late), self._until)

    @property
    def best(self) -> list[Trial]:
        """What passed: the highest prior first, and of equal ones what leaves the least code."""
        return sorted(self.plausible, key=lambda trial: (not trial.sure, -round(trial.score, 1), trial.size, -trial.score))
