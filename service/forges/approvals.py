"""Approvals on a forge: one comment an approval, where its run came from or was published, edited once it is decided.

A letter of the outbox like any other: written with the change of the ballot, sent at least once, and the comment's key
makes of several sendings one comment. It shows and links; words and reactions below it are the business of the votes.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from approvals import Ballot, Ballots, Notification, one_line, parts
from domain import Task
from forges import ForgeAddress, Forges, Subject, approval_comment
from sandbox import Delivered
from service.runs.runs import RunState

ENDPOINT = "@forge"
"""The receiver of its letters: no name that a configuration could give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeApprovals:
    """Writes the comment of an approval. Runs that have no place on a forge get none."""

    forges: Forges
    ballots: Ballots
    standing: Callable[[str, str], Awaitable[RunState]]
    """A run's id and its organisation → how it stands."""
    link: Callable[[Notification], str]

    async def __call__(self, letter: Notification) -> None:
        """Write or edit the comment.

        Raises:
            Transient: the forge does not answer; try again.
            Refused: it never will.
        """
        standing = await self.standing(letter.run, letter.org)
        place = forge_place(standing.run.task, standing.values.get("published"))
        # A client may name any issue as the one it came from; a token is used where it may publish, and nowhere else.
        if place is None or not self.forges.may_publish(place.address):
            return
        ballot = await self.ballots.get(letter.ballot, letter.org)
        voters = tuple(f"{vote.voter}: {vote.choice}" for vote in ballot.votes)
        text = ballot_comment(ballot, state=ballot.state, link=self.link(letter), voters=voters)
        forge = self.forges.named(place.address.forge)
        await forge.comment(place.address.path, place.subject, place.number, text, key=f"approval-{ballot.id}")


def ballot_comment(ballot: Ballot, *, state: str, link: str = "", voters: Sequence[str] = ()) -> str:
    """What a forge is shown of a ballot: every part of the action that is digested, and nothing in it can hide."""
    shown = [
        (name, "\n".join("".join(piece.text for piece in line.pieces) for line in lines))
        for name, lines in parts(ballot.action)
    ]
    return approval_comment(
        shown,
        tier=ballot.risk.tier,
        reasons=[one_line(f"{reason.tier}: {reason.message}") for reason in ballot.risk.reasons],
        ballot=ballot.id,
        digest=ballot.action_digest,
        state=state,
        humans=ballot.requirement.humans,
        link=link,
        voters=voters,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgePlace:
    """An issue or a pull request."""

    address: ForgeAddress
    subject: Subject
    number: int


def forge_place(task: Task, published: Delivered | None) -> ForgePlace | None:
    """Where people talk about a run: its own pull request, else what it came from; None: on no forge."""
    if published is not None and published.number is not None:
        forge, _, path = published.repository.partition(":")
        return ForgePlace(address=ForgeAddress(forge=forge, path=path), subject="pull_request", number=published.number)
    if (origin := task.origin) is None:
        return None
    return ForgePlace(
        address=ForgeAddress(forge=origin.forge, path=origin.repository), subject=origin.subject, number=origin.number
    )
