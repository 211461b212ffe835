"""Deliver: exactly what was signed, once."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from approvals import Decision
from domain import CommandRun, Refused
from domain.evidence import LeftOut, Proof
from nodes.deliver import final_answer
from sandbox import Delivered, Snapshot
from tests.worlds.house import FIX, OK, git
from tests.worlds.stations import station, visit

NODES = ("receive", "plan", "execute", "observe", "review", "assess", "ask")


async def test_a_patch_needs_no_signature_and_says_what_proves_it(tmp_path: Path) -> None:
    answers = {"coder": [FIX], "reviewer": [OK]}
    async with station(tmp_path, answers, *NODES, wanted={"deliver": "patch"}) as (opened, state):
        update = await visit(opened, state, "deliver")
        assert update["delivered"].kind == "patch"
        answer = update["ending"].answer_markdown
        assert answer.startswith(OK["final_answer_markdown"])
        assert "**Proof:**" in answer
        assert update["messages"][0].content == answer


@pytest.mark.parametrize("base_with", ["nothing", "tests"])
def test_the_answer_says_what_the_proof_does_not_prove(base_with: str) -> None:
    green = CommandRun(command="make check", ended="exit", code=0)
    proof = Proof(command="make check", tree="t" * 40, run=green, base=green, base_with=base_with)
    left_out = (LeftOut(path="out.log", how="new"), LeftOut(path=".cache", how="ignored"))
    state: Any = {"proof": proof, "snapshot": Snapshot(tree="t" * 40, full="t" * 40, commit="c", left_out=left_out)}
    answer = final_answer(state, Delivered(kind="branch", commit="c" * 40, ref="signoff/x"))
    assert "**Nothing proves the change:**" in answer
    assert "`git merge signoff/x`" in answer
    assert "out.log (new)" in answer
    assert ".cache" not in answer


async def test_one_byte_more_and_the_signature_is_void(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [FIX], "reviewer": [OK]}, *NODES) as (opened, state):
        ballot = await opened.ballots.get(state["ballot"], opened.org)
        await opened.ballots.vote(
            ballot.id, Decision(choice="approve", action_digest=ballot.action_digest), opened.person("ann")
        )
        other = {**state, "snapshot": replace(state["snapshot"], tree=state["pinned"].tree)}
        with pytest.raises(Refused) as refused:
            await opened.nodes.deliver(other)
        assert refused.value.stable_code == "digest_mismatch"
        assert git(tmp_path / "repo", "branch", "--list", "signoff/*") == ""
        await visit(opened, state, "deliver")
        await visit(opened, state, "deliver")  # after a crash: the world is looked at first
        assert len(git(tmp_path / "repo", "branch", "--list", "signoff/*").splitlines()) == 1
