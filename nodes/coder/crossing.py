"""Crossed tests: a candidate is run with the tests that another one wrote, which shows what its own do not ask (F4)."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from domain import Exhausted, Spent
from domain.acceptance import environment, seconds_after
from domain.evidence import Crossing
from domain.limits import ensure_within
from domain.progress import CandidateLoop
from domain.reports import read_report
from models import compared, passes_everything
from nodes._commands import counted, ending, plain, run_command
from nodes._events import announce
from nodes._models import Clock
from nodes.coder.changes import ChangeRunner
from nodes.coder.slices import ExecuteInput, accept_of
from sandbox import REPO


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossedTests:
    """Runs what passes with the tests of the others that pass, each time on a clean checkout."""

    changes: ChangeRunner
    clock: Clock

    async def __call__(
        self, state: ExecuteInput, loops: Sequence[CandidateLoop], latest: CandidateLoop
    ) -> tuple[tuple[CandidateLoop, ...], Spent]:
        """The loops with what ``latest`` and each of those before it came to with the other's tests, and its cost.

        Who does not pass with its own tests needs no others to lose.
        """
        spent, by_id = Spent(), {loop.id: loop for loop in loops}
        for other in loops:
            pair = (by_id[latest.id], by_id[other.id])
            if other.id == latest.id or not all(each.candidate and passes_everything(each.candidate) for each in pair):
                continue
            for one, author in (pair, pair[::-1]):
                if author.tests:
                    crossing, seconds = await self._cross(state, one, author, state["spent"] + spent)
                    spent += Spent(sandbox_seconds=seconds)
                    candidate = by_id[one.id].candidate
                    assert candidate is not None  # noqa: S101  it passes everything
                    candidate = replace(candidate, crossed=(*candidate.crossed, crossing))
                    by_id[one.id] = replace(by_id[one.id], candidate=candidate)
        return tuple(by_id[loop.id] for loop in loops), spent

    async def _cross(
        self, state: ExecuteInput, one: CandidateLoop, author: CandidateLoop, spent: Spent
    ) -> tuple[Crossing, float]:
        changes, run, task, command = self.changes, state["run"], state["task"], accept_of(state)
        await changes.ensure_alive(state)
        mine, theirs = _tree(one), _tree(author)
        tree = await changes.store.with_files(run, mine, theirs, author.tests)
        if tree == mine:
            return Crossing(tests_of=author.id, passed=True, summary="it has the same tests"), 0.0
        now = self.clock()
        try:
            ensure_within(task.budget, spent, started_at=task.received_at, now=now, limits=("sandbox_seconds",))
        except Exhausted as error:
            return Crossing(tests_of=author.id, passed=False, summary=f"not run: {error.message}"), 0.0
        announce("note", f"{one.id} with the tests of {author.id}", subject="crossed_tests", tests=list(author.tests))
        env = environment(await changes.store.files(run, tree), REPO)
        verify = partial(
            changes.workspaces.verify,
            run,
            tree,
            command,
            timeout_s=seconds_after(state["baseline"]),
            env=env,
            profile=task.profile,
        )
        masker = await changes.masks(run)
        ran = await run_command(changes.tracer, command, verify, masker=masker, clean_checkout=True)
        report, own = await counted(ran), one.evidence[-1].runs[-1]
        passed = compared(read_report(plain(own)), report, passed=ran.ok).regression
        summary = f"{ending(ran)}{f', {report.summary}' if report else ''}"
        return Crossing(tests_of=author.id, passed=passed, summary=summary), ran.duration_ms / 1_000


def _tree(loop: CandidateLoop) -> str:
    assert loop.candidate is not None  # noqa: S101  only those that ended are crossed
    return loop.candidate.tree
