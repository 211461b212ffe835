"""Inbound web hooks that vote: verified, seen once, bound to a member, and then like any other vote."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from approvals.ballot import Ballot, Decision, Voter
from approvals.channels.base import Consent
from approvals.channels.registry import channel_of
from approvals.contract import Clock, People
from approvals.errors import refusal
from approvals.storage.replay_guard import HookAnswer, ReplayGuard
from approvals.voting import Voting
from domain import TIERS, Refused, SignoffError, Transient, value


@value
class Integration:
    """Somebody we accept votes from, and on whose behalf."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    org: str
    secrets: tuple[str, ...] = Field(min_length=1, max_length=5, repr=False)
    """All that are valid now: rotate by adding the new one, switching the sender, removing the old one."""
    kind: str = "standard"
    """A channel's name: ``registry.CHANNELS``."""
    members: dict[str, str] = Field(default_factory=dict)
    """``provider:subject`` → member of the organisation. Nobody else's vote counts."""
    highest_tier: Literal["medium", "high"] = "high"
    """Critical is signed in a login session, never here."""

    def __post_init__(self) -> None:
        channel = channel_of(self.kind)
        for secret in self.secrets:
            channel.ensure_secret(secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundWebhooks:
    """Receives hooks. Never raises for what a sender did wrong: that is an answer, too."""

    voting: Voting
    people: People
    memory: ReplayGuard
    clock: Clock
    integrations: Sequence[Integration] = field(default=())

    async def receive(self, name: str, headers: Mapping[str, str], body: bytes) -> HookAnswer:
        """Handle one request; the same message again gets the same answer and has no second effect.

        Raises:
            Transient: the store cannot be reached; nothing was decided, the sender tries again (503).
        """
        try:
            integration = next((each for each in self.integrations if each.name == name), None)
            if integration is None:
                raise refusal("hook_unknown", "There is no such integration.")
            channel = channel_of(integration.kind)
            # Verified before anything is remembered or parsed: a stranger fills no table and reaches no parser.
            id_ = channel.verify(headers, body, integration.secrets, self.clock())
            before = await self.memory.seen(name, id_, hashlib.sha256(body).hexdigest())
        except Refused as no:
            return refused_answer(no)
        if before is not None:
            return before
        # A crash here leaves a message without an answer. Voting twice alike changes nothing, so the retry is safe.
        try:
            consent = channel.parse(headers, body)
            if consent is None:
                result = HookAnswer(status=200, body={"ignored": "only typed decisions count; see docs/webhooks.md"})
            else:
                result = voted_answer(await self._vote(integration, consent))
        except Transient:
            raise
        except Refused as no:
            result = refused_answer(no)
        answer = channel.answer(result)
        await self.memory.answered(name, id_, answer)
        return answer

    async def _vote(self, integration: Integration, consent: Consent) -> Ballot:
        """Count the decision as its member's, with the roles they have now."""
        provider, org = consent.actor.provider, integration.org
        member = integration.members.get(f"{provider}:{consent.actor.subject}")
        if member is None:
            raise refusal("not_approver", f"{integration.name} knows no member for this {provider} identity.")
        roles = tuple(await self.people.roles(org, member))
        voter = Voter(subject=member, kind=consent.actor.kind, roles=roles, org=org, surface="hook")
        ballot = await self.voting.ballots.get(consent.approval_id, org)
        # A veto is taken for any tier: saying no is never harder than saying yes.
        if consent.decision == "approve" and TIERS.index(ballot.tier) > TIERS.index(integration.highest_tier):
            raise refusal("step_up_required", f"{integration.name} may not sign {ballot.tier} actions.")
        decision = Decision(choice=consent.decision, action_digest=consent.action_digest, comment=consent.comment)
        return await self.voting.vote(ballot, decision, voter)


def voted_answer(ballot: Ballot) -> HookAnswer:
    """200 when the decision is final, 202 while more humans are needed."""
    document: dict[str, Any] = {
        "approval_id": ballot.id,
        "action_digest": ballot.action_digest,
        "state": ballot.state,
        "approvals": ballot.approvals,
        "needed": ballot.requirement.humans,
    }
    return HookAnswer(status=202 if ballot.state == "pending" else 200, body=document)


def refused_answer(no: SignoffError) -> HookAnswer:
    """Problem details (RFC 9457) with the stable code."""
    return HookAnswer(
        status=no.http_status,
        body={"title": no.message, "status": no.http_status, "code": no.stable_code, "hint": no.hint},
    )
