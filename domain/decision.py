"""Decisions: how dangerous something is, who must agree to it, and what they said."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from domain._value import value

__all__ = ["TIERS", "BallotState", "Choice", "Reason", "Requirement", "Risk", "Tier", "Verdict", "Vote"]

Tier = Literal["low", "medium", "high", "critical"]
TIERS: tuple[Tier, ...] = ("low", "medium", "high", "critical")
Choice = Literal["approve", "reject"]
BallotState = Literal[
    "pending", "approved", "rejected", "expired", "cancelled", "superseded", "consumed", "executed", "failed", "stale"
]


@value
class Reason:
    """Why a tier was given. ``rule`` is stable and can be looked up."""

    rule: str
    tier: Tier
    message: str


@value
class Risk:
    """A rating and all its reasons; the tier is the highest among them."""

    tier: Tier
    reasons: tuple[Reason, ...] = ()


@value
class Requirement:
    """Who must sign before the action may happen."""

    tier: Tier
    humans: int = Field(ge=0, le=5)
    notify: bool = False
    allow_self: bool = False
    """True in a solo organisation for *high*: the requester may sign, and it is recorded as such."""
    expires_in_seconds: int = 86_400
    use_within_seconds: int = 900
    roles: tuple[str, ...] = ("approver", "critical_approver")
    """Holding any one of these lets a human vote."""
    session_within_seconds: int | None = None
    """An approval needs a login session no older than this, with a second factor. None: any surface will do."""
    policy_version: str = ""


@value
class Vote:
    """One human's decision on exactly one digest."""

    voter: str
    choice: Choice
    action_digest: str
    voted_at: datetime
    comment: Annotated[str, Field(max_length=10_000)] = ""
    surface: Literal["terminal", "http", "hook", "page", "langgraph"] = "terminal"
    self_approved: bool = False


@value
class Verdict:
    """What a ballot came to, as the graph sees it."""

    ballot: str
    state: BallotState
    action_digest: str
    votes: tuple[Vote, ...] = ()
    feedback: str = ""
    """What the rejecting human wants instead; goes to replan as a trusted message."""

    @property
    def approved(self) -> bool:
        return self.state == "approved"
