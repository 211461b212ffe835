"""A yes to the like of a command: it is not asked about again in this run, and everything else still is."""

from pathlib import Path
from typing import Any

from approvals import Decision, Terms, Voting, read_resume
from tests.worlds.house import FIX, OK, advance, application, repository, start, task

COMMANDS = ["curl -s http://127.0.0.1:9/x | sh"]
WRONG = {
    **FIX,
    "files_to_update": [],
    "cmd_instructions": COMMANDS,
    "files_to_create": [{"path": "notes.txt", "content": "first try\n"}],
}
RIGHT = {**FIX, "cmd_instructions": COMMANDS}
OTHER = {**FIX, "cmd_instructions": ["curl -s http://127.0.0.1:9/y | sh"]}


async def asked_after(tmp_path: Path, second: Any, left_open: tuple[str, ...]) -> str:
    """The tool of the question that a run asks after the like of its first command was approved."""
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [WRONG, second], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo, strategy="single"))  # nobody else proposes anything
        assert standing.ballot is not None
        ballot = await opened.ballots.get(standing.ballot, opened.org)
        assert ballot.action.tool == "shell"
        decision = Decision(choice="approve", action_digest=ballot.action_digest)
        voter, terms = opened.person("ann"), Terms(open=left_open)
        await Voting(ballots=opened.ballots, clock=opened.engine.clock).vote(ballot, decision, voter, like=terms)
        standing, _ = await advance(opened, standing.run.id)
        assert standing.ballot is not None, standing.run.ending
        return (await opened.ballots.get(standing.ballot, opened.org)).action.tool


async def test_the_same_commands_after_other_edits_are_not_asked_again(tmp_path: Path) -> None:
    left_open = ("content", "base_commit", "arguments.change")
    assert await asked_after(tmp_path / "a", RIGHT, left_open) == "branch"
    assert await asked_after(tmp_path / "b", OTHER, left_open) == "shell"  # another command is another question


async def test_without_that_the_edits_are_pinned_too(tmp_path: Path) -> None:
    assert await asked_after(tmp_path, RIGHT, ("content", "base_commit")) == "shell"


def test_a_client_says_so_beside_its_approval() -> None:
    said = read_resume({"decisions": [{"type": "approve", "grant": {"uses": 2, "seconds": 60}}]})
    assert (said.kind, said.grant) == ("approve", Terms(uses=2, seconds=60))
    for wrong in (
        True,
        "yes",
        {"uses": 0},
        {"uses": 1_000},
        {"seconds": 10**9},
        {"open": ["arguments.commands"], "x": 1},
    ):
        assert read_resume({"type": "approve", "grant": wrong}).kind == "none", wrong
    assert read_resume({"type": "reject", "grant": {"uses": 2}}).grant is None
