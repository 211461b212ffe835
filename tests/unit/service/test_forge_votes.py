"""A comment shows a ballot only when it is the one that was written for it, and has room for all of the action."""

from dataclasses import replace

from approvals import Ballot
from domain import Action
from forges import approval_comment
from forges.rendering import marked
from service.forges.votes import shows
from tests.worlds.ballots import ballot


def written(of: Ballot, *voters: str, link: str = "https://s.example/a/1") -> str:
    text = approval_comment(
        of.action,
        of.risk,
        ballot=of.id,
        digest=of.action_digest,
        state="pending",
        humans=1,
        link=link,
        voters=voters,
    )
    return marked(text, f"approval-{of.id}")


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
