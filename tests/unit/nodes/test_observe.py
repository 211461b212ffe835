"""Observe: what happened becomes evidence, or the next message of a conversation; no model is asked."""

from pathlib import Path
from typing import Any

import pytest

from domain import CommandRun
from domain.coder import CoderTurn, DoneAction
from domain.evidence import Evidence, Output
from domain.limits import LOOP, TURNS_SPENT
from domain.progress import Attempt
from nodes.coder.transcript import recorded
from nodes.observe import final_ending, stuck_evidence
from sandbox import Snapshot
from tests.worlds.stations import station, visit

OPEN = "```open\nshop/prices.py\n```"
DONE = "```done\nNothing to do\n```"
LONG = "```run\npython3 -c 'print(\"x\" * 40_000)'\n```"
MAKES = "```run\npython3 -c \"open('made' + '.txt', 'w')\"\n```"


async def test_a_turn_is_answered_and_remembered_without_its_texts(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [OPEN]}, "receive", "plan", "execute", coder_dialect="text") as (o, state):
        before = state["transcript"]
        update = await visit(o, state, "observe")
        assert update["transcript"][: len(before)] == before
        assert "return sum(prices[1:])" in update["transcript"][-1].content
        (turn,) = update["turns"]
        assert (turn.ok, turn.result, turn.outcome) == (True, "", "open shop/prices.py")
        assert "evidence" not in update


def test_the_same_test_run_is_the_same_however_long_it_took():
    def digest(output: str) -> str:
        run = CommandRun(command="pytest", ended="exit", code=1, stdout=Output(head=output.encode()))
        return recorded(Attempt(step="a", turn=CoderTurn(step="a", action=DoneAction()), runs=(run,))).digest

    assert digest("1 failed, 57 passed in 12.15s") == digest("1 failed, 57 passed in 9.80s")
    assert digest("1 failed, 57 passed in 12.15s") != digest("2 failed, 56 passed in 12.15s")


async def test_a_done_that_does_not_pass_is_no_done(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [DONE]}, "receive", "plan", "execute", coder_dialect="text") as (o, state):
        update = await visit(o, state, "observe")
        assert "done" not in update
        assert (update["turns"][-1].code, update["evidence"][-1].ok) == ("acceptance_failed", False)
        assert "The acceptance command does not pass" in update["transcript"][-1].content


async def test_long_output_is_cut_and_says_so(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [LONG]}, "receive", "plan", "execute", coder_dialect="text") as (o, state):
        message = (await visit(o, state, "observe"))["transcript"][-1].content
        assert len(message) < 11_000
        assert "characters are left out here" in message or "bytes left out" in message


async def test_what_commands_leave_behind_is_named(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [MAKES]}, "receive", "plan", "execute", coder_dialect="text") as (o, state):
        assert "made.txt (new)" in (await visit(o, state, "observe"))["transcript"][-1].content


RED = CommandRun(command="make check", ended="exit", code=1)


@pytest.mark.parametrize(("code", "status"), [("llm_unauthorized", 2), ("no_repair_found", 1), ("context_too_long", 2)])
def test_a_refusal_that_no_attempt_can_change_ends_the_run(code: str, status: int) -> None:
    attempt = Attempt(step="change", refused="No.", code=code, hint="Do this.")
    ending = final_ending([attempt])
    assert ending is not None
    assert (ending.code, ending.message, ending.hint, ending.exit_status) == (code, "No.", "Do this.", status)


def test_what_is_missing_may_be_in_a_submodule_that_was_not_fetched() -> None:
    ending = final_ending([Attempt(step="s", refused="x is missing.", code="dependency_missing")], ["lib is empty"])
    assert ending is not None
    assert ending.message == "x is missing. Note that lib is empty"


@pytest.mark.parametrize("attempts", [[], [Attempt(step="s")], [Attempt(step="s", refused="?", code="branch_exists")]])
def test_anything_else_may_be_tried_again(attempts: list[Attempt]) -> None:
    assert final_ending(attempts) is None


@pytest.mark.parametrize(("verdict", "kind"), [(LOOP, "loop"), (TURNS_SPENT, "limit")])
def test_a_coder_that_is_stuck_leaves_the_last_output_of_its_step(verdict: str, kind: str) -> None:
    last = Evidence(step="change", attempt=1, runs=(RED,), failure="tests")
    state: Any = {"evidence": (last,), "snapshot": Snapshot(tree="t", full="t", commit="c")}
    evidence = stuck_evidence(state, Attempt(step="change", number=2), verdict)
    assert [f.kind for f in evidence.findings] == [kind]
    assert (evidence.runs, evidence.failure, evidence.tree) == ((RED,), "tests", "t")
    assert stuck_evidence(state, Attempt(step="other", number=2), verdict).runs == ()
