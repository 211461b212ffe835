"""Events of a ballot: facts for the audit chain, notifications for subscribers. Pure."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from approvals.ballot import Ballot, Voter
from domain import Refused, Tier, value
from domain.decision import BallotState


@value
class AuditFact:
    """Something that happened to a ballot, for the audit chain."""

    at: datetime
    org: str
    actor: str
    """A person or account; empty for what the house did by itself."""
    verb: str
    object: str
    digests: tuple[str, ...] = ()
    note: str = ""
    """What they said about it: free text, kept where it can be erased."""


Topic = Literal["approval.pending", "approval.noted", "approval.decided", "approval.expired", "approval.escalated"]
"""``noted``: nothing to do, it was automatic."""


@value
class Notification:
    """What subscribers are told: ids, digest, tier, deadline. Thin on purpose."""

    topic: Topic
    org: str
    run: str
    ballot: str
    action_digest: str
    tier: Tier
    state: BallotState
    expires_at: datetime
    at: datetime


PlanTopic = Literal["plan.soft_limit", "plan.hard_limit", "plan.changed"]


@value
class PlanNotice:
    """What subscribers are told of an organisation's plan: a line of our own words, and the facts."""

    topic: PlanTopic
    org: str
    title: str
    facts: dict[str, str] = Field(default_factory=dict[str, str])
    at: datetime


HOUSE = ""
"""The actor of what no person did: the clock, the executor."""


def fact(ballot: Ballot, verb: str, actor: str, at: datetime, *digests: str, note: str = "") -> AuditFact:
    """One line of the audit chain: who did what to which bytes."""
    bound = (ballot.action_digest, ballot.context_digest, *digests)
    return AuditFact(
        at=at, org=ballot.org, actor=actor, verb=f"approval.{verb}", object=ballot.id, digests=bound, note=note
    )


def refused_fact(ballot: Ballot, no: Refused, actor: str, at: datetime, *digests: str) -> AuditFact:
    """Somebody tried and was told no."""
    return fact(ballot, f"refused.{no.stable_code}", actor, at, *digests)


def killed_fact(run: str, voter: Voter, at: datetime) -> AuditFact:
    """Somebody threw the kill switch of a run."""
    return AuditFact(at=at, org=voter.org, actor=voter.subject, verb="run.killed", object=run)


def letter(before: Ballot | None, after: Ballot, at: datetime) -> Notification | None:
    """What subscribers are told of this change; None when it is none of their business."""
    topic = _topic(before, after)
    if topic is None or not after.requirement.notify:
        return None
    return Notification(
        topic=topic,
        org=after.org,
        run=after.run,
        ballot=after.id,
        action_digest=after.action_digest,
        tier=after.tier,
        state=after.state,
        expires_at=after.expires_at,
        at=at,
    )


def _topic(before: Ballot | None, after: Ballot) -> Topic | None:
    if before is None:
        return "approval.pending" if after.state == "pending" else "approval.noted"
    if before.state == after.state:
        told = (before.escalated_at, before.handed_to) != (after.escalated_at, after.handed_to)
        return "approval.escalated" if told else None
    if after.state in {"approved", "rejected", "cancelled", "superseded"}:
        return "approval.decided"
    return "approval.expired" if after.state in {"expired", "stale"} else None
