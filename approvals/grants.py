"""Grants: what "approve the like for this run" covers. Pure."""

from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import rfc8785

from approvals.ballot import Ballot, Grant, Terms, Voter
from approvals.errors import refusal
from approvals.quorum import effective, involved, may_vote
from domain import TIERS, Action
from domain.identity import person

_GRANTS = UUID("0b9a6f1e-3f57-5f0e-8a47-0c2f5f6f7c55")
LEAVABLE = frozenset({"content", "base_commit"})
"""Whole parts that may be left open: the workspace moves on. Target, network, image, cwd, environment never."""
PINNED = frozenset({"arguments.command", "arguments.commands", "arguments.argv", "arguments.stdin"})
"""What runs is always pinned."""


def offered(ballot: Ballot, terms: Terms, voter: Voter, *, now: datetime) -> Grant:
    """The grant a voter gives on the strength of a ballot they can see.

    Raises:
        Refused: see ``Ballots.grant``.
    """
    # An approval in advance needs all that an approval needs, a fresh login where the tier asks for one.
    if no := may_vote(ballot, voter, "approve", now):
        raise no
    if ballot.tier not in {"medium", "high"}:
        raise refusal("grant_refused", f"A {ballot.tier} action is never approved in advance.")
    if ballot.action.tool != "shell":
        raise refusal("grant_refused", "A delivery is approved as bytes, each one for itself.")
    if effective(ballot, now) not in {"pending", "approved", "consumed", "executed"}:
        raise refusal("grant_refused", f"Approval {ballot.id} is {effective(ballot, now)}.")
    pins = {part: pin(ballot.action, part) for part in _parts(ballot.action)}
    for part in terms.open:
        argument = part.startswith("arguments.") and part not in PINNED
        # The edits of an action without any command are all that says what it does.
        everything = part == "arguments.change" and not ballot.action.arguments.get("commands")
        if part not in pins or not (part in LEAVABLE or argument) or everything:
            raise refusal("grant_refused", f"{part!r} cannot be left open.")
    pins = {part: text for part, text in pins.items() if part not in terms.open}
    if not any(part.startswith("arguments.") for part in pins):
        raise refusal("grant_refused", "At least one argument has to stay pinned.")
    return Grant(
        # One a giver and ballot: granting again replaces the grant instead of adding to its uses.
        id=str(uuid5(_GRANTS, rfc8785.dumps([ballot.id, person(voter.subject)]).decode())),
        org=ballot.org,
        run=ballot.run,
        ballot=ballot.id,
        granted_by=voter.subject,
        tier=ballot.tier,
        requirement=ballot.requirement,
        tool=ballot.action.tool,
        pins=pins,
        left_open=terms.open,
        uses_left=terms.uses,
        created_at=now,
        expires_at=now + timedelta(seconds=terms.seconds),
    )


def covers(grant: Grant, ballot: Ballot, *, now: datetime) -> bool:
    """Whether this grant approves this ballot: same run, nothing pinned differs, no higher tier.

    Never more than the giver's own single signature would.
    """
    return (
        (grant.org, grant.run, grant.tool) == (ballot.org, ballot.run, ballot.action.tool)
        and TIERS.index(ballot.tier) <= TIERS.index(grant.tier)
        and ballot.tier in {"medium", "high"}
        and ballot.requirement.humans <= 1
        and (ballot.requirement.allow_self or not involved(ballot, grant.granted_by))
        # A new argument is neither pinned nor left open: nobody has agreed to it.
        and ballot.action.arguments.keys() == _argument_names(grant)
        and all(pin(ballot.action, part) == text for part, text in grant.pins.items())
        and grant.uses_left > 0
        and now < grant.expires_at
    )


def narrowed(grant: Grant, action: Action, terms: Terms, *, now: datetime) -> Grant:
    """The same grant with more pins, fewer uses or less time. Never the other way round.

    ``action`` gives the values of parts that become pinned. Raises ``grant_refused`` when it widens.
    """
    expires_at = now + timedelta(seconds=terms.seconds)
    if not set(terms.open) <= set(grant.left_open) or terms.uses > grant.uses_left or expires_at > grant.expires_at:
        raise refusal("grant_refused", "A grant may only become narrower.")
    closed = {part: pin(action, part) for part in set(grant.left_open) - set(terms.open)}
    return replace(
        grant, pins={**grant.pins, **closed}, left_open=terms.open, uses_left=terms.uses, expires_at=expires_at
    )


def pin(action: Action, part: str) -> str:
    """The canonical JSON of one part of an action (``cwd``, ``arguments.message`` …); empty when absent."""
    name, _, key = part.partition(".")
    whole: Any = getattr(action, name)
    if name == "environment":
        return rfc8785.dumps(sorted(set(whole))).decode()
    if not key:
        return rfc8785.dumps(whole).decode()
    return rfc8785.dumps(whole[key]).decode() if key in whole else ""


def _parts(action: Action) -> tuple[str, ...]:
    whole = tuple(field.name for field in fields(Action) if field.name not in {"arguments", "tool"})
    return (*whole, *(f"arguments.{key}" for key in sorted(action.arguments)))


def _argument_names(grant: Grant) -> set[str]:
    """The arguments a covered action may have: pinned ones, and those that were left open by name."""
    pinned = {part.removeprefix("arguments.") for part in grant.pins if part.startswith("arguments.")}
    left_open = {part.removeprefix("arguments.") for part in grant.left_open if part.startswith("arguments.")}
    return pinned | left_open
