"""Votes from a forge: a review or a comment that is a ballot and its digest, a reaction to the comment that shows one.

They are votes like any other: stored by the one operation that every surface uses, never of who asked for or shaped the
action, and critical never here. Each is bound to what its voter read: a reaction counts only while the comment is
to the letter the one that was written for the ballot, and only if nobody edited it since.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from approvals import Ballot, Decision, Voter, Voting, refusal
from approvals.contract import People
from domain import TIERS, Refused
from forges import CUT, Forge, ForgeUser, key_of
from forges.inbound import ForgeHook
from service.forges.approvals import ForgePlace, ballot_comment

REACTIONS: Final = {"-1": "reject", "+1": "approve"}
"""Vetoes are counted first."""
_SIGNED, _LINK = "\n\nSigned by ", "\n\n[Look at it and sign]("


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeVotes:
    """Counts them."""

    voting: Voting
    people: People

    async def count(self, hook: ForgeHook, subject: str, ballot_id: str, digest: str, *, approve: bool) -> Ballot:
        """Count one member's answer to one ballot, with the roles they have now.

        Raises:
            Refused: as ``Voting.vote`` does, and ``step_up_required`` above the hook's highest tier.
        """
        ballot = await self.voting.ballots.get(ballot_id, hook.org)
        roles = tuple(await self.people.roles(hook.org, subject))
        # A veto is taken for any tier: saying no is never harder than saying yes.
        if approve and TIERS.index(ballot.tier) > TIERS.index(hook.highest_tier):
            raise refusal("step_up_required", f"{hook.name} may not sign {ballot.tier} actions.")
        voter = Voter(subject=subject, kind="human", roles=roles, org=hook.org, surface="hook")
        decision = Decision(choice="approve" if approve else "reject", action_digest=digest)
        return await self.voting.vote(ballot, decision, voter)

    async def reactions(
        self,
        hook: ForgeHook,
        ballot_id: str,
        forge: Forge,
        place: ForgePlace,
        ensure_may: Callable[[str, ForgeUser], Awaitable[None]],
    ) -> None:
        """Count what members pressed below the comment of a ballot. What does not count is passed over.

        ``ensure_may`` raises ``Refused`` for a member who may nothing here any more.
        """
        ballot = await self.voting.ballots.get(ballot_id, hook.org)
        if ballot.state != "pending":
            return
        path, ours = place.address.path, await forge.whoami()
        comments = await forge.comments(path, place.subject, place.number)
        key = f"approval-{ballot.id}"
        comment = next((each for each in comments if each.author.id == ours.id and key_of(each.body) == key), None)
        if comment is None or not shows(comment.body, ballot):
            return
        pressed = await forge.reactions(path, place.subject, place.number, comment)
        for content, choice in REACTIONS.items():
            for reaction in pressed:
                subject = hook.members.get(reaction.user.id)
                # Edited, pressed, and edited back: what was read when it was pressed is not what stands there.
                late = reaction.created_at is None or reaction.created_at < comment.updated_at
                if reaction.content != content or subject is None or reaction.user.bot or late:
                    continue
                try:
                    await ensure_may(subject, reaction.user)
                    await self.count(hook, subject, ballot.id, ballot.action_digest, approve=choice == "approve")
                except Refused:
                    continue


def shows(body: str, ballot: Ballot) -> bool:
    """Whether a comment is the one that was written for a ballot, but for its link and who signed meanwhile. Pure.

    One that has room for a part of the action only shows no ballot.
    """
    written = ballot_comment(ballot, state="pending")
    if CUT in written:
        return False
    head, _, rest = written.partition("\n\n")
    middle, _, tail = rest.rpartition("\n\n")
    if not body.startswith(head):
        return False
    left = body.removeprefix(head)
    if left.startswith(_SIGNED):
        left = left[left.find("\n\n", len(_SIGNED)) :]
    if not left.startswith(f"\n\n{middle}"):
        return False
    left = left.removeprefix(f"\n\n{middle}")
    if left.startswith(_LINK):
        left = left[left.find("\n\n", len(_LINK)) :]
    return left == f"\n\n{tail}\n\n<!-- signoff:approval-{ballot.id} -->"
