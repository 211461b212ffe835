"""Lifecycle of a ballot: how it moves from state to state. Pure: every store applies these and nothing else.

Functions return the ballot as it is afterwards, or raise the refusal. Storing it, in one transaction with the fact and
the letters that follow from it, is the store's job. Whether an edit only takes something away is default-deny: unknown
differences widen.
"""

from collections.abc import Collection
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

from approvals.ballot import Ballot, Decision, Grant, Request, Revision, Voter
from approvals.digest import action_digest, ballot_id, context_digest
from approvals.errors import refusal
from approvals.quorum import effective, involved, may_vote, outcome, repeats, undecided
from domain import TIERS, Action, Risk, Tier
from domain.decision import Vote
from domain.identity import person, respelled

SWITCHES = frozenset({"force", "force_with_lease", "delete", "mirror", "follow_tags", "amend"})
"""Arguments whose absence does strictly less; ``dry_run`` and the like are not among them."""

SUBSETS = frozenset({"paths", "refs", "scopes"})
"""Arguments that name what is acted on, so that a subset acts on less. Never an argument vector."""


REMIND_AGAIN = timedelta(minutes=10)
"""How long a reminder lasts: who is told of the same thing again and again reads none of it."""


def narrows(old: Action, new: Action) -> bool:
    """True when ``new`` provably does nothing that ``old`` would not have done."""
    # By the fields that there are: one that is added later has to be equal until somebody decides otherwise.
    same = [f.name for f in fields(Action) if f.name not in {"arguments", "environment", "network"}]
    return (
        all(getattr(old, name) == getattr(new, name) for name in same)
        and new.network in {old.network, "none"}
        and set(new.environment) <= set(old.environment)
        # An argument that is left out may mean a default that does more.
        and old.arguments.keys() == new.arguments.keys()
        and all(_less(key, old.arguments[key], new.arguments[key]) for key in old.arguments)
    )


def _less(key: str, old: Any, new: Any) -> bool:
    # In Python ``True == 1``; in the JSON that is digested they are two.
    if type(old) is type(new) and old == new:
        return True
    if key in SWITCHES:
        return old is True and new is False
    if key in SUBSETS and isinstance(old, list) and isinstance(new, list):
        return bool(new) and set(new) <= set(old)  # an empty list often means "all"
    return False


def digest_of(action: Action) -> str:
    """The action's digest, or the refusal ``action_invalid``."""
    try:
        return action_digest(action)
    except (ValueError, UnicodeError) as error:
        raise refusal("action_invalid", f"This action has no canonical form: {error}") from error


def asked(request: Request, *, now: datetime, nonce: str) -> Ballot:
    """A new pending ballot; ``approved`` at once where the policy asks for nobody."""
    digest = digest_of(request.action)
    ballot = _blank(_checked(request), ballot_id(request.run, request.step, digest), digest, now=now, nonce=nonce)
    return _settle(ballot, now) if request.requirement.humans == 0 else ballot


def _blank(request: Request, id_: str, digest: str, *, now: datetime, nonce: str) -> Ballot:
    expires_at = now + timedelta(seconds=request.requirement.expires_in_seconds)
    bound = context_digest(
        org=request.org,
        run=request.run,
        step=request.step,
        requester=request.requester,
        policy_version=request.requirement.policy_version,
        tier=request.risk.tier,
        nonce=nonce,
        expires_at=expires_at,
        shown=request.diff,
        contributors=request.contributors,
    )
    return Ballot(
        id=id_,
        org=request.org,
        run=request.run,
        step=request.step,
        action=request.action,
        action_digest=digest,
        context_digest=bound,
        nonce=nonce,
        risk=request.risk,
        requirement=request.requirement,
        requester=request.requester,
        created_at=now,
        expires_at=expires_at,
        diff=request.diff,
        contributors=request.contributors,
    )


def rejected_again(ballot: Ballot, before: Ballot, *, rejects: int) -> Ballot:
    """The same bytes were rejected in this run: no human is asked twice."""
    feedback = f"Rejected before, as {before.id}. {before.feedback}".strip()
    return replace(
        ballot, state="rejected", feedback=feedback[:10_000], decided_at=ballot.created_at, use_by=None, rejects=rejects
    )


def granted(ballot: Ballot, grant: Grant, *, now: datetime) -> Ballot:
    """Approved by a standing grant; the grant's giver stays answerable."""
    return replace(_settle(ballot, now), grant=grant.id)


def voted(ballot: Ballot, decision: Decision, voter: Voter, *, now: datetime, rejects: int) -> Ballot:
    """Record an answer. ``rejects`` counts the run's rejections before this one.

    Raises:
        Refused: see ``Ballots.vote``.
    """
    # Who may answer comes first: everybody else learns nothing of what became of the ballot.
    if no := may_vote(ballot, voter, decision.choice, now):
        raise no
    # Before ``undecided``: a retry of the very vote that decided the ballot is no error.
    if repeats(ballot, decision, voter, now):
        return ballot
    if no := undecided(ballot, now):
        raise no
    if decision.action_digest != ballot.action_digest:
        raise refusal("digest_mismatch", "The signed digest is not the digest of this action.")
    # A changed mind takes the place of the vote; by person, or another spelling would be a second one.
    others = tuple(vote for vote in ballot.votes if person(vote.voter) != person(voter.subject))
    vote = Vote(
        voter=voter.subject,
        choice=decision.choice,
        action_digest=decision.action_digest,
        voted_at=now,
        comment=decision.comment,
        surface=voter.surface,
        self_approved=decision.choice == "approve" and involved(ballot, voter.subject),
    )
    after = replace(ballot, votes=(*others, vote))
    # Eligibility was checked when each vote was cast; it is checked again, with today's roles, by ``used``.
    state = outcome(after.votes, ballot.requirement, lambda vote: vote.action_digest == ballot.action_digest)
    if state == "approved":
        return _settle(after, now)
    if state == "rejected":
        return replace(after, state="rejected", decided_at=now, feedback=decision.comment, rejects=rejects + 1)
    return after


def _settle(ballot: Ballot, now: datetime) -> Ballot:
    use_by = now + timedelta(seconds=ballot.requirement.use_within_seconds)
    return replace(ballot, state="approved", decided_at=now, use_by=use_by)


def edited(ballot: Ballot, revision: Revision, voter: Voter, *, now: datetime, nonce: str) -> tuple[Ballot, Ballot]:
    """The old ballot, superseded, and the new one that takes its place.

    Raises:
        Refused: see ``Ballots.edit``.
    """
    # As for a veto, without a fresh login: what is edited has to be signed by somebody else anyway.
    if no := may_vote(ballot, voter, "reject", now) or undecided(ballot, now):
        raise no
    digest, risk = digest_of(revision.action), higher(ballot.risk, revision.risk)
    # An edit that changes nothing would only shake off the votes that are there.
    if digest == ballot.action_digest:
        raise refusal("action_invalid", "The edited action is the same as before.")
    if risk.tier == "critical" and not narrows(ballot.action, revision.action):
        raise refusal("edit_widens", "This edit does more than narrow the action.")
    request = Request(
        org=ballot.org,
        run=ballot.run,
        step=ballot.step,
        action=revision.action,
        risk=risk,
        # A raised tier takes today's rule; the same tier keeps the one it was asked with.
        requirement=ballot.requirement if risk.tier == ballot.tier else revision.requirement,
        requester=ballot.requester,
        diff=revision.diff,
        # An edit after an edit: the first editor has shaped what is asked now, and must not come to sign it.
        contributors=tuple(name for name in ballot.shaped_by if name != ballot.requester),
    )
    # The id names its ancestor, so that editing back to the first bytes is a new question, not the old one.
    id_ = ballot_id(ballot.run, f"{ballot.step} after {ballot.id}", digest)
    new = _blank(_checked(request), id_, digest, now=now, nonce=nonce)
    new = replace(new, editor=voter.subject, supersedes=ballot.id)
    return replace(ballot, state="superseded", superseded_by=id_, decided_at=now), new


def _checked(request: Request) -> Request:
    rated, asked_for = request.risk.tier, request.requirement.tier
    if rated != asked_for:
        raise refusal("action_invalid", f"Rated {rated}, but asked with the rule for {asked_for}.")
    return request


def higher(one: Risk, other: Risk) -> Risk:
    """Both ratings together; never below either."""
    tier: Tier = one.tier if TIERS.index(one.tier) >= TIERS.index(other.tier) else other.tier
    seen = dict.fromkeys((*other.reasons, *one.reasons))
    return Risk(tier=tier, reasons=tuple(seen))


def cancelled(ballot: Ballot, voter: Voter, *, now: datetime) -> Ballot:
    """Withdrawn by its requester or by anyone who could veto it."""
    # Not ``alike``: that keeps people out, and withdrawing is a right, which nobody gets by looking like its owner.
    own = voter.kind == "human" and respelled(voter.subject, ballot.requester)
    if not own and (no := may_vote(ballot, voter, "reject", now)):
        raise no
    # An approval that was not used yet can still be withdrawn; ``undecided`` would call it decided.
    if effective(ballot, now) == "approved":
        return replace(ballot, state="cancelled", decided_at=now)
    if no := undecided(ballot, now):
        raise no
    return replace(ballot, state="cancelled", decided_at=now)


def killed(ballot: Ballot, *, now: datetime) -> Ballot:
    """Cancelled because its run was stopped."""
    return replace(ballot, state="cancelled", decided_at=now)


def reminded(ballot: Ballot, voter: Voter, to: Collection[str], *, name: str, now: datetime) -> Ballot:
    """Whoever is told of open questions is told again; with a ``name``, who holds the roles ``to``, it is left to them.

    Raises:
        Refused: see ``Ballots.remind``.
    """
    if voter.kind != "human":
        raise refusal("not_approver", f"{voter.subject} is no person: only people remind people.")
    if no := undecided(ballot, now):
        raise no
    if name and set(to).isdisjoint(ballot.requirement.roles):
        raise refusal("not_approver", f"{name} may not sign {ballot.tier} actions.")
    if name and involved(ballot, name) and not ballot.requirement.allow_self:
        raise refusal("self_approval", f"{name} requested, shaped or edited this action.")
    # Handing it on is news for its new holder, however lately the others were told.
    if name == ballot.handed_to and now - (ballot.escalated_at or ballot.created_at) < REMIND_AGAIN:
        raise refusal("reminded_lately", f"Everybody was told of approval {ballot.id} within the last ten minutes.")
    return replace(ballot, escalated_at=now, handed_to=name or ballot.handed_to)


def swept(ballot: Ballot, *, now: datetime) -> Ballot:
    """As ``effective`` says, and escalated at half-time."""
    state = effective(ballot, now)
    if state != ballot.state:
        # When it ended, not when the sweep came by.
        return replace(ballot, state=state, decided_at=ballot.decided_at or ballot.expires_at)
    half = ballot.created_at + (ballot.expires_at - ballot.created_at) / 2
    # A reminder by a person before half-time takes nothing of the one that everybody gets then.
    if state == "pending" and now >= half and (ballot.escalated_at is None or ballot.escalated_at < half):
        return replace(ballot, escalated_at=now)
    return ballot


def ensure_may_kill(voter: Voter) -> None:
    """The kill switch is for people who run or sign things. A program cancels the runs it started, and can go on."""
    if voter.kind != "human":
        raise refusal("not_approver", f"{voter.subject} is no person: only people stop runs for good.")
    if not {"operator", "approver", "critical_approver", "org_admin"} & set(voter.roles):
        raise refusal("not_approver", f"{voter.subject} may not stop runs.")
