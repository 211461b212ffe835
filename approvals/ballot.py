"""Ballot, vote and grant: the values of a question, its answers, who gave them, and what others are told."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from domain import Action, Reason, Requirement, Risk, Tier, Verdict, value
from domain.decision import BallotState, Choice, Vote
from domain.identity import people

Surface = Literal["terminal", "http", "hook", "page", "langgraph"]
Diff = Annotated[str, Field(max_length=4_000_000)]
# No control characters: an id or a name is shown to signers on one line, and must not start another.
Id = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]
Comment = Annotated[str, Field(max_length=10_000)]


@value
class Voter:
    """Who is asking, as the surface authenticated them."""

    subject: Id
    kind: Literal["human", "bot", "api_key", "service"] = "human"
    roles: tuple[str, ...] = ()
    org: Id = "local"
    session_started_at: datetime | None = None
    """When they logged in. None: no login session (a chat identity, a terminal)."""
    mfa: bool = False
    surface: Surface = "terminal"


@value
class Request:
    """A question for humans: may exactly this action happen."""

    run: Id
    step: Id
    """Asking again after an expiry is another step: ``deliver``, then ``deliver.2``."""
    action: Action
    risk: Risk
    requirement: Requirement
    requester: Id
    org: Id = "local"
    diff: Diff = ""
    """What is shown beside the action. The context digest binds it."""
    contributors: tuple[Id, ...] = ()
    """Who shaped the action besides the requester: by a wish, an answer to the coder, or an edit."""


@value
class Decision:
    """One human's answer. ``action_digest`` is what they saw."""

    choice: Choice
    action_digest: Annotated[str, Field(max_length=200)]
    comment: Comment = ""


@value
class Revision:
    """An edited action with its own rating. Tier and requirement never fall below those of the ballot it replaces."""

    action: Action
    risk: Risk
    requirement: Requirement
    """The policy's for ``risk.tier``."""
    diff: Diff = ""


@value
class Ballot:
    """One question with its answers so far."""

    id: str
    org: str
    run: str
    step: str
    action: Action
    action_digest: str
    context_digest: str
    nonce: str
    risk: Risk
    requirement: Requirement
    requester: str
    created_at: datetime
    expires_at: datetime
    state: BallotState = "pending"
    diff: Diff = ""
    editor: str = ""
    """Who changed the action before this ballot was opened; cannot vote on it."""
    contributors: tuple[str, ...] = ()
    """Who else shaped it, by a wish, an answer or an earlier edit; cannot vote on it either."""
    votes: tuple[Vote, ...] = ()
    feedback: str = ""
    """What the rejecting human wants instead."""
    use_by: datetime | None = None
    decided_at: datetime | None = None
    escalated_at: datetime | None = None
    supersedes: str = ""
    superseded_by: str = ""
    grant: str = ""
    """The grant that approved this ballot in place of a vote."""
    handed_to: str = ""
    """To whom a signer left it; everybody who may sign it still may."""
    rejects: int = 0
    """Rejections in this run so far, this one included. Three park the run."""

    @property
    def tier(self) -> Tier:
        return self.risk.tier

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return self.risk.reasons

    @property
    def shaped_by(self) -> tuple[str, ...]:
        """Everybody who shaped the action, the requester first: in a team none of them signs it."""
        return tuple(name for name in dict.fromkeys((self.requester, self.editor, *self.contributors)) if name)

    @property
    def approvals(self) -> int:
        """Humans who approved so far, of ``requirement.humans``."""
        return people(vote.voter for vote in self.votes if vote.choice == "approve")

    @property
    def parks(self) -> bool:
        """True when this rejection is one too many for the run."""
        return self.state == "rejected" and self.rejects >= MAX_REJECTS

    @property
    def verdict(self) -> Verdict:
        """What the graph needs to know of it."""
        return Verdict(
            ballot=self.id,
            state=self.state,
            action_digest=self.action_digest,
            votes=self.votes,
            feedback=self.feedback,
        )


# Then the run asks nobody any more and waits for words (nodes/wait.py): people who are asked again and again sign.
MAX_REJECTS = 3


@value
class Terms:
    """What a human grants for the rest of a run: "approve the like of this"."""

    # The workspace moves on with every edit: with these pinned, a grant would never cover a second command.
    open: tuple[str, ...] = ("content", "base_commit")
    """Parts of the action that may differ (``arguments.NAME`` for one argument). Everything else is pinned."""
    uses: Annotated[int, Field(ge=1, le=100)] = 10
    seconds: Annotated[int, Field(ge=60, le=86_400)] = 3_600


@value
class Grant:
    """A standing approval for one run: tool and pinned parts exactly as signed, a few times, for a while."""

    id: str
    org: str
    run: str
    ballot: str
    granted_by: str
    tier: Tier
    """Covers actions up to this tier: medium or high."""
    requirement: Requirement
    tool: str
    pins: dict[str, str]
    """Part of the action → its canonical JSON."""
    left_open: tuple[str, ...] = ()
    """Parts that may differ. An action with any other part is not covered."""
    uses_left: int
    created_at: datetime
    expires_at: datetime


@value
class Page:
    """One page of a list, newest first."""

    items: tuple[Ballot, ...] = ()
    next_cursor: str = ""
    """Empty: this was the last page."""
