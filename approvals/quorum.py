"""Quorum: who may vote, and what the votes come to. Pure: a ballot, a voter, roles and the time go in.

Four eyes: who shaped the action, bots, keys and service accounts never count; one vote per human; one
reject vetoes; no answer in time means no.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from approvals.ballot import Ballot, Decision, Voter
from approvals.errors import refusal
from domain import Refused, Requirement
from domain.decision import BallotState, Vote
from domain.identity import alike, people, person

LIVE: frozenset[BallotState] = frozenset({"pending", "approved"})


def effective(ballot: Ballot, now: datetime) -> BallotState:
    """The state at ``now``, also when no sweep came by yet."""
    if ballot.state == "pending" and now >= ballot.expires_at:
        return "expired"
    if ballot.state == "approved" and (ballot.use_by is None or now >= ballot.use_by):
        return "stale"
    return ballot.state


def outcome(votes: tuple[Vote, ...], requirement: Requirement, counts: Callable[[Vote], bool]) -> BallotState:
    """What these votes come to. A veto needs nobody's agreement; an approval counts only if ``counts`` says so."""
    # Before any counting: a veto stands also where enough others have approved.
    if any(vote.choice == "reject" for vote in votes):
        return "rejected"
    humans = people(vote.voter for vote in votes if vote.choice == "approve" and counts(vote))
    return "approved" if humans >= requirement.humans else "pending"


def counts(vote: Vote, ballot: Ballot, roles: frozenset[str]) -> bool:
    """Whether an approval holds, given the roles its voter has now."""
    return (
        # A vote is on bytes: one that names others is none.
        vote.action_digest == ballot.action_digest
        and not roles.isdisjoint(ballot.requirement.roles)
        and (ballot.requirement.allow_self or not involved(ballot, vote.voter))
    )


def may_vote(ballot: Ballot, voter: Voter, choice: str, now: datetime) -> Refused | None:
    """Why this voter's answer does not count, or None when it does.

    A veto needs no fresh session: saying no must never be harder than saying yes.
    """
    # The kind before the roles: a key may carry the roles of the person who made it.
    if voter.kind != "human":
        return refusal("not_approver", f"{_KINDS[voter.kind]} cannot sign: a person has to.")
    if not set(voter.roles) & set(ballot.requirement.roles):
        return refusal("not_approver", f"{voter.subject} may not sign {ballot.tier} actions.")
    if involved(ballot, voter.subject) and not _may_sign_own(ballot, voter):
        return refusal("self_approval", f"{voter.subject} requested, shaped or edited this action.")
    if choice == "approve":
        return _needs_step_up(ballot.requirement, voter, now)
    return None


def involved(ballot: Ballot, subject: str) -> bool:
    """Whether this person requested, shaped or edited the action, or could pass for who did."""
    return any(alike(subject, name) for name in ballot.shaped_by)


def among_several(requirement: Requirement) -> Requirement:
    """The requirement where several people work: nobody signs for themselves, whatever held when it was asked."""
    return replace(requirement, allow_self=False)


def _may_sign_own(ballot: Ballot, voter: Voter) -> bool:
    """Alone at a real terminal or in a login session, and only where the policy allows it."""
    # A web hook proves an integration and nobody's presence.
    present = voter.surface == "terminal" or (voter.surface != "hook" and voter.session_started_at is not None)
    return ballot.requirement.allow_self and present


def _needs_step_up(requirement: Requirement, voter: Voter, now: datetime) -> Refused | None:
    allowed = requirement.session_within_seconds
    if allowed is None:
        return None
    if voter.surface == "hook" or voter.session_started_at is None:
        return refusal("step_up_required", f"A {requirement.tier} action is signed in a login session only.")
    if not voter.mfa:
        return refusal("step_up_required", f"A {requirement.tier} action needs a second factor.")
    age = now - voter.session_started_at
    # A minute ahead of us at most: a login from the future would stay fresh for as long as it likes.
    if not timedelta(minutes=-1) <= age <= timedelta(seconds=allowed):
        return refusal("step_up_required", f"This login is too old for a {requirement.tier} action.")
    return None


def undecided(ballot: Ballot, now: datetime) -> Refused | None:
    """Why a ballot takes no more answers, or None while it does."""
    state = effective(ballot, now)
    if state == "pending":
        return None
    # It names its successor, so that a client can go on to what is asked now.
    if state == "superseded":
        return refusal("superseded", f"Approval {ballot.id} was replaced by {ballot.superseded_by}.")
    if state == "expired":
        return refusal("expired", f"Approval {ballot.id} expired at {ballot.expires_at.isoformat()}.")
    return refusal("already_decided", f"Approval {ballot.id} is {state}.")


def repeats(ballot: Ballot, decision: Decision, voter: Voter, now: datetime) -> bool:
    """Whether this is the answer the voter already gave, to the same bytes (a double click, a retry)."""
    answer = (person(voter.subject), decision.choice, decision.action_digest)
    earlier = {(person(vote.voter), vote.choice, vote.action_digest) for vote in ballot.votes}
    # On a ballot that has ended otherwise, the same answer is told what became of it.
    return answer in earlier and effective(ballot, now) in {"pending", "approved", "rejected"}


def awaits(ballot: Ballot, voter: Voter, now: datetime) -> bool:
    """Whether this ballot waits for this person."""
    return (
        effective(ballot, now) == "pending"
        and may_vote(ballot, voter, "reject", now) is None
        and not any(alike(vote.voter, voter.subject) for vote in ballot.votes)
    )


_KINDS = {"bot": "A bot", "api_key": "An API key", "service": "A service account"}
