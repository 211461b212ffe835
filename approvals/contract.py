"""What this room promises: ballots that mean something, whoever stores them.

The stored ballot is the truth. A resume, a web hook or a click only leads to ``vote``; the executor
trusts nothing but ``consume`` on the digest of the bytes it is about to run.

    pending  → approved | rejected | expired | cancelled | superseded
    approved → consumed → executed | failed
    approved → stale | cancelled
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from approvals.ballot import Ballot, Decision, Grant, Page, Request, Revision, Terms, Voter
from domain.decision import BallotState

Clock = Callable[[], datetime]
"""Says what time it is, with a time zone."""


class People(Protocol):
    """Knows who may do what *now*: asked again when an approval is used."""

    async def roles(self, org: str, subject: str) -> Sequence[str]:
        """The roles this person holds at the moment; none when they left."""
        ...

    async def alone(self, org: str) -> bool:
        """Whether one person works here alone at the moment: only then may a requester sign, where policy allows it.

        Asked of the store, not of what a process remembers: another one may have let a second person in.
        """
        ...

    async def programs(self, org: str, subject: str) -> Sequence[str]:
        """Names of the programs whose keys this person made: what those ask for, this person asks for."""
        ...


class Ballots(Protocol):
    """Asks humans and remembers what they said. Another organisation's ballot does not exist.

    Every ``Refused`` code is listed in ``approvals.errors``; trying again never helps with those.
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

    async def vote_all(self, decisions: Sequence[tuple[str, Decision]], voter: Voter) -> tuple[Ballot, ...]:
        """Record one human's answers to several ballots in one transaction: all of them count, or none.

        Raises:
            Refused: as for ``vote``, by the first ballot that takes no answer, which the message names.
        """
        ...

    async def remind(self, id: str, voter: Voter, *, to: str = "", note: str = "") -> Ballot:  # noqa: A002
        """Tell everybody once more that this waits. ``to``: who of those that may sign it is to do so.

        It changes nothing about who may sign, and the deadline stays.

        Raises:
            Refused: ``approval_missing``, ``not_approver`` (no person; ``to`` may not sign it), ``self_approval``
                (``to`` shaped it), ``reminded_lately``, ``already_decided``, ``superseded``, ``expired``.
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
        """Approve the like of this ballot for the rest of the run. Granting again replaces the earlier grant.

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
