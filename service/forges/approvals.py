"""Approvals on a forge: one comment an approval, where its run came from or was published, edited once it is decided.

A letter of the outbox like any other: written with the change of the ballot, sent at least once, and the comment's key
makes of several sendings one comment. It shows and links; words and reactions below it are the business of the votes.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from approvals import Ballots, Notification
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
        text = approval_comment(
            ballot.action,
            ballot.risk,
            ballot=ballot.id,
            digest=ballot.action_digest,
            state=ballot.state,
            humans=ballot.requirement.humans,
            link=self.link(letter),
            voters=tuple(f"{vote.voter}: {vote.choice}" for vote in ballot.votes),
        )
        forge = self.forges.named(place.address.forge)
        await forge.comment(place.address.path, place.subject, place.number, text, key=f"approval-{ballot.id}")


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
