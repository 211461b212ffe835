"""Votes from a forge: a review whose text is a ballot and its digest, from a member whom the policy lets sign so.

They are votes like any other: stored by the one operation that every surface uses, never of who asked or shaped the
action, and critical never here.
"""

from dataclasses import dataclass

from approvals import Ballot, Decision, Voter, Voting, refusal
from approvals.contract import People
from domain import TIERS
from forges.inbound import ForgeHook, Voted


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeVotes:
    """Counts them."""

    voting: Voting
    people: People

    async def review(self, vote: Voted, hook: ForgeHook, subject: str) -> Ballot:
        """Count a review.

        Raises:
            Refused: as ``Voting.vote`` does, and ``step_up_required`` above the hook's highest tier.
        """
        return await self.count(hook, subject, vote.approval_id, vote.action_digest, approve=vote.choice == "approve")

    async def count(self, hook: ForgeHook, subject: str, ballot_id: str, digest: str, *, approve: bool) -> Ballot:
        """Count one member's answer to one ballot, with the roles they have now."""
        ballot = await self.voting.ballots.get(ballot_id, hook.org)
        roles = tuple(await self.people.roles(hook.org, subject))
        # A veto is taken for any tier: saying no is never harder than saying yes.
        if approve and TIERS.index(ballot.tier) > TIERS.index(hook.highest_tier):
            raise refusal("step_up_required", f"{hook.name} may not sign {ballot.tier} actions.")
        voter = Voter(subject=subject, kind="human", roles=roles, org=hook.org, surface="hook")
        decision = Decision(choice="approve" if approve else "reject", action_digest=digest)
        return await self.voting.vote(ballot, decision, voter)
