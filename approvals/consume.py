"""Consumption of an approval: whether it may be used now, and what became of using it. Pure."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from approvals.ballot import Ballot, Grant
from approvals.errors import Code, refusal
from approvals.quorum import counts, effective, involved, outcome
from domain import Refused
from domain.decision import BallotState

Roles = Mapping[str, frozenset[str]]
"""Subject → the roles they hold now."""


def ensure_usable(ballot: Ballot, recomputed_digest: str, roles: Roles, *, grant: Grant | None, now: datetime) -> None:
    """Everything ``consume`` checks before its one conditional update.

    Raises:
        Refused: see ``Ballots.consume``.
    """
    # The bytes first: for others, nothing that is known of this ballot matters.
    if recomputed_digest != ballot.action_digest:
        raise refusal("digest_mismatch", "What is about to run is not what was approved.")
    state = effective(ballot, now)
    if state != "approved":
        raise unusable(ballot, state)
    # A grant stands in place of a vote, so its giver is judged as a voter is, by what holds today.
    if ballot.grant:
        holder = roles.get(grant.granted_by, frozenset[str]()) if grant else frozenset[str]()
        if holder.isdisjoint(ballot.requirement.roles):
            raise refusal("not_approver", "Who granted this may no longer sign it.")
        if grant and not ballot.requirement.allow_self and involved(ballot, grant.granted_by):
            raise refusal("self_approval", "Who granted this requested or edited it, and no longer works alone.")
        return
    state = outcome(ballot.votes, ballot.requirement, lambda v: counts(v, ballot, roles.get(v.voter, frozenset[str]())))
    if state != "approved":
        raise refusal("not_approver", "An approver lost the role since signing; not enough signatures are left.")


def unusable(ballot: Ballot, state: BallotState) -> Refused:
    """Why a ballot in this state cannot be used."""
    code: dict[BallotState, Code] = {
        "pending": "approval_pending",
        "rejected": "approval_rejected",
        "expired": "approval_expired",
        "stale": "approval_stale",
        "cancelled": "approval_cancelled",
        "superseded": "superseded",
    }
    return refusal(code.get(state, "already_consumed"), f"Approval {ballot.id} is {state}, not approved.")


def finished(ballot: Ballot, state: BallotState) -> Ballot:
    """``consumed`` becomes ``executed`` or ``failed``, once."""
    # The same again is fine: an executor that was killed after acting reports it a second time.
    if ballot.state not in {"consumed", state}:
        raise refusal("already_decided", f"Approval {ballot.id} is {ballot.state}, not consumed.")
    return replace(ballot, state=state)
