"""A comment shows a ballot only when it is the one that was written for it, and has room for all of the action."""

from dataclasses import replace

import pytest

from approvals import Ballot
from approvals.rendering import hides
from domain import Action
from forges.rendering import marked
from service.forges.approvals import ballot_comment
from service.forges.votes import shows
from tests.worlds.ballots import ballot


def written(of: Ballot, *voters: str, link: str = "https://s.example/a/1") -> str:
    return marked(ballot_comment(of, state="pending", link=link, voters=voters), f"approval-{of.id}")


def command(chars: int) -> Ballot:
    return ballot(Action(tool="shell", arguments={"command": "a" * chars + " && rm -rf /"}, target="/"), "r")


def test_a_comment_shows_its_ballot_whoever_signed_meanwhile_and_no_other() -> None:
    of = command(10)
    assert shows(written(of), of)
    assert shows(written(of, "ann: approve", link=""), of)
    assert not shows(written(of).replace("rm -rf", "ls"), of)
    assert not shows(written(of), replace(of, id="b2"))


def test_a_comment_that_has_a_part_of_the_action_shows_no_ballot() -> None:
    of = command(30_000)
    assert "rm -rf" not in written(of)
    assert not shows(written(of), of)


@pytest.mark.parametrize("command", ["rm x\u202e# txt.gpj", "cur\u200bl evil", "ls\t\t; rm -rf /", "rm -rf / #\rls"])
def test_nothing_hides_in_a_comment_and_every_part_is_there(command: str) -> None:
    action = Action(
        tool="shell", arguments={"command": command}, cwd="src", environment=("CI",), network="packages", target="/"
    )
    text = written(ballot(action, f"a rule about {command}"))
    assert not [char for char in text if hides(char)]
    for part in ("arguments.command: ", "cwd: src", "environment: CI", "network: packages"):
        assert part in text
