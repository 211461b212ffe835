"""Candidates, without running any: how long they are, how they did in words, who is still waited for."""

import asyncio
from dataclasses import dataclass
from typing import Any, cast

import pytest

from domain import CodeChange, FileEdit, NewFile, Refused
from domain.change import Hunk
from domain.evidence import Candidate
from nodes.coder.candidate_runs import as_diff, written_lines
from nodes.coder.candidates import race
from nodes.coder.judge import result_in_words
from risk import RiskEngine

GREEN = Candidate(
    id="1", provider="p", builds=True, reproduction_passed=True, regression_passed=True, score=1.0, diff_lines=1
)


def test_a_change_is_as_long_as_what_it_writes():
    change = CodeChange(
        files_to_create=(NewFile(path="a.py", content="1\n2\n"),),
        files_to_update=(FileEdit(path="b.py", search="x", replace="y"), FileEdit(path="c.py", content="1\n2")),
        files_to_delete=("d.py",),
    )
    assert written_lines(change) == 3 + 1 + 2 + 1
    assert written_lines(CodeChange()) == 0


def test_a_hunk_is_searched_for_secrets_as_if_it_were_added():
    key = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
    hunk = Hunk(path="a.py", commit="c" * 40, before=f"TOKEN = '{key}'\n", after="", subject="Take it out")
    assert RiskEngine().secrets(as_diff(hunk))
    assert "+Take it out\n" in as_diff(hunk)


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (Candidate(id="1", provider="p"), "the tests did not run at all"),
        (Candidate(id="1", provider="p", note="Not run: it needs a signature first."), "Not run: it needs a"),
        (Candidate(id="1", provider="p", builds=True, score=0.5), "fails tests, 50% of the tests pass"),
        (GREEN, "passes everything, 100% of the tests pass"),
    ],
)
def test_the_reviewer_is_told_how_a_candidate_did(candidate: Candidate, words: str):
    assert result_in_words(candidate).startswith(words)


@dataclass(slots=True)
class Runner:
    """A competitor that is done once it is let go."""

    result: Candidate | None = None
    problem: Exception | None = None
    go: asyncio.Event | None = None
    candidate: Candidate | None = None
    cancelled: bool = False

    async def compete(self, *_: Any) -> None:
        try:
            if self.go is not None:
                await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        if self.problem is not None:
            raise self.problem
        self.candidate = self.result


async def run(*runners: Runner) -> None:
    nothing = cast("Any", None)
    await race(runners, nothing, nothing, nothing)


async def test_the_first_that_passes_everything_stops_the_others():
    slow = Runner(go=asyncio.Event())
    await run(slow, Runner(result=GREEN))
    assert slow.cancelled


async def test_without_one_all_are_waited_for():
    later = Runner(result=Candidate(id="2", provider="q"), go=asyncio.Event())
    race_ = asyncio.create_task(run(Runner(result=Candidate(id="1", provider="p")), later))
    await asyncio.sleep(0)
    assert later.go is not None
    later.go.set()
    await race_
    assert later.candidate is not None


async def test_an_error_ends_the_race_and_nobody_runs_on():
    other = Runner(go=asyncio.Event())
    with pytest.raises(Refused):
        await run(other, Runner(problem=Refused("stopped for good", code="run_killed")))
    assert other.cancelled
