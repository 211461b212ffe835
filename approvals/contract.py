"""What this room promises: ballots that mean something, whoever stores them.

The stored ballot is the truth. A resume, a web hook or a click only leads to ``vote``; the executor
trusts nothing but ``consume`` on the digest of the bytes it is about to run.

    pending  → approved | rejected | expired | cancelled | superseded
    approved → consumed → executed | failed
    approved → stale | cancelled
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Literal, Protocol

from pydantic import Field

from domain import Action, BallotState, Choice, Reason, Requirement, Risk, Tier, Verdict, Vote, value

Clock = Callable[[], datetime]
"""Says what time it is, with a time zone."""

Surface = Literal["terminal", "http", "hook", "page", "langgraph"]
Diff = Annotated[str, Field(max_length=4_000_000)]
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
    rejects: int = 0
    """Rejections in this run so far, this one included. Three park the run."""

    @property
    def tier(self) -> Tier:
        return self.risk.tier

    @property
    def reasons(self) -> tuple[Reason, ...]:
        return self.risk.reasons

    @property
    def approvals(self) -> int:
        """Humans who approved so far, of ``requirement.humans``."""
        return sum(vote.choice == "approve" for vote in self.votes)

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


MAX_REJECTS = 3


@value
class Terms:
    """What a human grants for the rest of a run: "approve the like of this"."""

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


@value
class Fact:
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
class Letter:
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


class People(Protocol):
    """Knows who may do what *now*: asked again when an approval is used."""

    async def roles(self, org: str, subject: str) -> Sequence[str]:
        """The roles this person holds at the moment; none when they left."""
        ...


class Ballots(Protocol):
    """Asks humans and remembers what they said. Another organisation's ballot does not exist.

    Every ``Refused`` code is listed in ``approvals.refusals``; trying again never helps with those.
    Any verb raises ``Unavailable`` when the store cannot be reached: try again.
    """

    async def open(self, request: Request) -> Ballot:
        """Ask. Asking the same again finds the same ballot, whatever became of it.

        Comes back ``approved`` when no human is needed or a grant covers it, and ``rejected`` when
        this run already had exactly this action rejected.

        Raises:
            Refused: ``run_killed``, ``action_invalid``, ``approval_missing`` (the run is another organisation's).
        """
        ...

    async def get(self, id: str, org: str) -> Ballot:  # noqa: A002 - it is the id
        """The ballot as it stands now. Raises ``approval_missing``."""
        ...

    async def list(
        self,
        org: str,
        *,
        state: BallotState | None = None,
        run: str | None = None,
        mine: Voter | None = None,
        cursor: str = "",
        limit: int = 50,
    ) -> Page:
        """Newest first. ``mine``: only those that wait for this person's vote."""
        ...

    async def vote(self, id: str, decision: Decision, voter: Voter) -> Ballot:  # noqa: A002
        """Record one human's answer. The same answer again changes nothing.

        Raises:
            Refused: ``not_approver``, ``self_approval``, ``step_up_required``, ``approval_missing``,
                ``digest_mismatch``, ``already_decided``, ``superseded``, ``expired``.
        """
        ...

    async def edit(self, id: str, revision: Revision, voter: Voter) -> Ballot:  # noqa: A002
        """Replace the question by a better one; the editor cannot vote on it. Returns the new ballot.

        Raises:
            Refused: as for ``vote``, and ``edit_widens``, ``action_invalid``.
        """
        ...

    async def cancel(self, id: str, voter: Voter) -> Ballot:  # noqa: A002
        """Withdraw the question: by its requester or any approver. Raises as ``vote`` does."""
        ...

    async def grant(self, id: str, terms: Terms, voter: Voter) -> Grant:  # noqa: A002
        """Approve the like of this ballot for the rest of the run.

        Raises:
            Refused: as for ``vote``, and ``grant_refused`` (critical, or nothing left pinned).
        """
        ...

    async def consume(self, id: str, org: str, recomputed_digest: str) -> Ballot:  # noqa: A002
        """Use the approval, once. Called by the executor, outside sandbox and model.

        ``recomputed_digest`` comes from the bytes about to run, never from the ballot. The approvers'
        roles and the kill switch are checked again.

        Raises:
            Refused: ``digest_mismatch``, ``approval_missing``, ``approval_pending``, ``approval_rejected``,
                ``approval_expired``, ``approval_stale``, ``approval_cancelled``, ``superseded``,
                ``already_consumed``, ``not_approver`` (an approver lost the role), ``run_killed``.
        """
        ...

    async def executed(self, id: str, org: str) -> Ballot:  # noqa: A002
        """The consumed action happened. Saying it twice is fine. Raises ``already_decided`` from other states."""
        ...

    async def failed(self, id: str, org: str) -> Ballot:  # noqa: A002
        """The consumed action was tried and did not happen. Raises as ``executed`` does."""
        ...

    async def expire(self) -> tuple[Ballot, ...]:
        """Sweep: pending past its deadline → expired, approved past its use-by → stale; escalate at half-time.

        Returns the ballots that ended, so that their runs can be parked.
        """
        ...

    async def kill(self, run: str, voter: Voter) -> tuple[Ballot, ...]:
        """Stop a run for good: cancels its open ballots, refuses new ones. Returns the cancelled ones.

        Raises ``not_approver`` for anything but a human operator or approver of the organisation.
        """
        ...

    async def killed(self, run: str, org: str) -> bool:
        """Whether the kill switch of this run was thrown."""
        ...
