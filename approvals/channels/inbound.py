"""Inbound web hooks that vote: verified, seen once, bound to a member, and then like any other vote."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field

from approvals.ballot import Ballot, Decision, Voter
from approvals.channels.base import Actor, Consent, signing_key
from approvals.channels.github import parse_github, verify_github
from approvals.channels.slack import parse_slack, verify_slack
from approvals.channels.standard import parse_standard, verify_standard
from approvals.contract import Ballots, Clock, People
from approvals.errors import refusal
from approvals.storage.replay_guard import HookAnswer, ReplayGuard
from domain import TIERS, Refused, SignoffError, Tier, Transient, value

_MIN_SECRET = 24


@value
class Integration:
    """Somebody we accept votes from, and on whose behalf."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    org: str
    secrets: tuple[str, ...] = Field(min_length=1, max_length=5, repr=False)
    """All that are valid now: rotate by adding the new one, switching the sender, removing the old one."""
    kind: Literal["standard", "slack", "github"] = "standard"
    members: dict[str, str] = Field(default_factory=dict)
    """``provider:subject`` → member of the organisation. Nobody else's vote counts."""
    highest_tier: Literal["medium", "high"] = "high"
    """Critical is signed in a login session, never here."""

    def __post_init__(self) -> None:
        for secret in self.secrets:
            if self.kind == "standard":
                signing_key(secret)
            elif len(secret.encode()) < _MIN_SECRET:
                raise Refused(
                    "A web hook secret must have at least 24 bytes.",
                    code="hook_secret_invalid",
                    hint="Make one with: openssl rand -hex 32",
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundWebhooks:
    """Receives hooks. Never raises for what a sender did wrong: that is an answer, too."""

    ballots: Ballots
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
            integration = self._named(name)
            id_ = self._verified(integration, headers, body)
            before = await self.memory.seen(name, id_, hashlib.sha256(body).hexdigest())
        except Refused as no:
            return refused_answer(no)
        if before is not None:
            return before
        # A crash here leaves a message without an answer. Voting twice alike changes nothing, so the retry is safe.
        answer = await self._act(integration, headers, body)
        await self.memory.answered(name, id_, answer)
        return answer

    def _named(self, name: str) -> Integration:
        for integration in self.integrations:
            if integration.name == name:
                return integration
        raise refusal("hook_unknown", "There is no such integration.")

    def _verified(self, integration: Integration, headers: Mapping[str, str], body: bytes) -> str:
        if integration.kind == "slack":
            return verify_slack(headers, body, integration.secrets, self.clock())
        if integration.kind == "github":
            return verify_github(headers, body, integration.secrets)
        return verify_standard(headers, body, integration.secrets, self.clock())

    async def _act(self, integration: Integration, headers: Mapping[str, str], body: bytes) -> HookAnswer:
        try:
            consent = _read(integration, headers, body)
            if consent is None:
                return HookAnswer(status=200, body={"ignored": "only typed decisions count; see docs/webhooks.md"})
            return voted_answer(await self._vote(integration, consent))
        except Transient:
            raise
        except Refused as no:
            return refused_answer(no)

    async def _vote(self, integration: Integration, consent: Consent) -> Ballot:
        voter = await self._voter(integration, consent.actor)
        ballot = await self.ballots.get(consent.approval_id, integration.org)
        if consent.decision == "approve" and _above(ballot.tier, integration.highest_tier):
            raise refusal("step_up_required", f"{integration.name} may not sign {ballot.tier} actions.")
        decision = Decision(choice=consent.decision, action_digest=consent.action_digest, comment=consent.comment)
        return await self.ballots.vote(ballot.id, decision, voter)

    async def _voter(self, integration: Integration, actor: Actor) -> Voter:
        member = integration.members.get(f"{actor.provider}:{actor.subject}")
        if member is None:
            raise refusal("not_approver", f"{integration.name} knows no member for this {actor.provider} identity.")
        roles = await self.people.roles(integration.org, member)
        return Voter(subject=member, kind=actor.kind, roles=tuple(roles), org=integration.org, surface="hook")


def _read(integration: Integration, headers: Mapping[str, str], body: bytes) -> Consent | None:
    if integration.kind == "slack":
        return parse_slack(body)
    if integration.kind == "github":
        event = next((text for key, text in headers.items() if key.lower() == "x-github-event"), "")
        return parse_github(body, event)
    return parse_standard(body)


def _above(tier: Tier, limit: Tier) -> bool:
    return TIERS.index(tier) > TIERS.index(limit)


def voted_answer(ballot: Ballot) -> HookAnswer:
    """200 when the decision is final, 202 while more humans are needed."""
    told: dict[str, Any] = {
        "approval_id": ballot.id,
        "action_digest": ballot.action_digest,
        "state": ballot.state,
        "approvals": ballot.approvals,
        "needed": ballot.requirement.humans,
    }
    return HookAnswer(status=202 if ballot.state == "pending" else 200, body=told)


def refused_answer(no: SignoffError) -> HookAnswer:
    """Problem details (RFC 9457) with the stable code."""
    return HookAnswer(
        status=no.http_status,
        body={"title": no.message, "status": no.http_status, "code": no.stable_code, "hint": no.hint},
    )
