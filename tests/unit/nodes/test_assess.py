"""Assess: what wants to happen, to the byte, and how risky it is."""

from pathlib import Path

import pytest

from domain import CodeChange, CommandRun, Task
from domain.evidence import Proof
from domain.progress import Attempt
from nodes.assess import branch_name, commit_message
from tests.worlds.house import FIX, OK
from tests.worlds.stations import station, visit

NODES = ("receive", "plan", "execute", "observe", "review")
PROOF = Proof(command="make check", tree="t", run=CommandRun(command="make check", ended="exit", code=0))


async def test_a_delivery_is_rated_and_named_to_the_byte(tmp_path: Path) -> None:
    async with station(tmp_path, {"coder": [FIX], "reviewer": [OK]}, *NODES) as (opened, state):
        update = await visit(opened, state, "assess")
        action = update["action"]
        assert (action.tool, action.content, action.base_commit) == (
            "branch",
            state["snapshot"].tree,
            state["pinned"].commit,
        )
        assert str(action.arguments["message"]).startswith("Count the first price too\n")
        assert "Proved by: " in str(action.arguments["message"])
        assert update["risk"].tier == "high"
        assert update["requirement"].humans == 1
        assert update["verdict"] is None


def test_a_branch_has_a_name_that_every_tool_likes() -> None:
    task = Task(text="Größe, & sowas: fix it!\nmore", repo="/r")
    assert branch_name(task, "run-0123456789") == "signoff/gr-e-sowas-fix-it-23456789"


@pytest.mark.parametrize(("own", "subject"), [("", "Fix it"), ("Say why", "Say why"), ("x" * 90, "x" * 71 + "…")])
def test_a_commit_has_the_coders_words_or_the_tasks(own: str, subject: str) -> None:
    attempt = Attempt(step="s", change=CodeChange(commit_message=own))
    message = commit_message(Task(text="Fix it", repo="/r"), "r1", (attempt,), PROOF)
    assert message.splitlines()[0] == subject
    assert "Proved by: make check → exit code 0" in message
