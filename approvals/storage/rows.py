"""Rows of ballots: from values to columns, and back."""

import hashlib
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import BigInteger, RowMapping, and_, bindparam, delete, insert, or_, select, type_coerce, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ColumnElement

from approvals.ballot import Ballot, Grant
from approvals.storage.tables import ballots, grants, votes
from database import micros
from domain import Action, Requirement, Risk
from domain.decision import BallotState, Vote
from domain.identity import person

_ACTION, _RISK, _REQUIREMENT = TypeAdapter(Action), TypeAdapter(Risk), TypeAdapter(Requirement)
_BALLOT, _VOTE, _GRANT = TypeAdapter(Ballot), TypeAdapter(Vote), TypeAdapter(Grant)
_STRUCTURED: dict[str, TypeAdapter[Any]] = {"action": _ACTION, "risk": _RISK, "requirement": _REQUIREMENT}

# Made once: while a run waits each of them is asked over and over, and making one takes longer than SQLite's answer.
_BY_ID = select(ballots).where(ballots.c.id == bindparam("ballot"))
_BY_ID_LOCKED = _BY_ID.with_for_update()
_VOTES = (
    select(votes)
    .where(votes.c.ballot.in_(bindparam("cast_on", expanding=True)))
    .order_by(votes.c.voted_at, votes.c.person)
)


async def read(
    conn: AsyncConnection, where: ColumnElement[bool], *, lock: bool = False, limit: int | None = None
) -> tuple[Ballot, ...]:
    """Ballots with their votes, newest first."""
    query = select(ballots).where(where).order_by(ballots.c.created_at.desc(), ballots.c.id.desc()).limit(limit)
    return await _with_votes(conn, (await conn.execute(query.with_for_update() if lock else query)).mappings().all())


async def read_one(conn: AsyncConnection, id_: str, *, lock: bool = False) -> tuple[Ballot, ...]:
    """The ballot of this id with its votes; empty where there is none."""
    query = _BY_ID_LOCKED if lock else _BY_ID
    return await _with_votes(conn, (await conn.execute(query, {"ballot": id_})).mappings().all())


async def _with_votes(conn: AsyncConnection, rows: Sequence[RowMapping]) -> tuple[Ballot, ...]:
    cast = await _votes(conn, [row["id"] for row in rows])
    return tuple(_BALLOT.validate_python({**row, "votes": cast.get(row["id"], ())}) for row in rows)


async def _votes(conn: AsyncConnection, ids: list[str]) -> dict[str, tuple[Vote, ...]]:
    if not ids:
        return {}
    cast: dict[str, tuple[Vote, ...]] = {}
    for row in (await conn.execute(_VOTES, {"cast_on": ids})).mappings():
        vote = _VOTE.validate_python({field.name: row[field.name] for field in fields(Vote)})
        cast[row["ballot"]] = (*cast.get(row["ballot"], ()), vote)
    return cast


def _row(ballot: Ballot) -> dict[str, Any]:
    row = {field.name: getattr(ballot, field.name) for field in fields(Ballot) if field.name != "votes"}
    return {**row, **{name: adapter.dump_python(row[name], mode="json") for name, adapter in _STRUCTURED.items()}}


async def write(conn: AsyncConnection, before: Ballot | None, after: Ballot) -> None:
    """Store a ballot, new or changed, with its votes."""
    if before is None:
        await conn.execute(insert(ballots).values(_row(after)))
    else:
        await conn.execute(update(ballots).where(ballots.c.id == after.id).values(_row(after)))
    for vote in after.votes:
        if before is None or vote not in before.votes:
            who = hashlib.sha256(person(vote.voter).encode()).hexdigest()
            row = {field.name: getattr(vote, field.name) for field in fields(Vote)}
            # A changed mind: the key is the person, however they are spelled this time.
            await conn.execute(delete(votes).where(votes.c.ballot == after.id, votes.c.person == who))
            await conn.execute(
                insert(votes).values(**{**row, "self_approved": int(vote.self_approved)}, ballot=after.id, person=who)
            )


def standing(state: BallotState, now: datetime) -> ColumnElement[bool]:
    """Rows whose *effective* state is this one, swept or not."""
    stored, c = ballots.c.state == state, ballots.c
    due, used_up = c.expires_at <= now, c.use_by <= now
    if state == "pending":
        return and_(stored, ~due)
    if state == "approved":
        return and_(stored, ~used_up)
    if state == "expired":
        return or_(stored, and_(c.state == "pending", due))
    if state == "stale":
        return or_(stored, and_(c.state == "approved", used_up))
    return stored


def behind(place: tuple[datetime, str]) -> ColumnElement[bool]:
    """Rows that come after a cursor's place."""
    at, id_ = place
    return or_(ballots.c.created_at < at, and_(ballots.c.created_at == at, ballots.c.id < id_))


async def read_grants(conn: AsyncConnection, where: ColumnElement[bool]) -> tuple[Grant, ...]:
    """Grants, oldest first, locked."""
    # Locked, or two questions at the same moment would both take the last use.
    query = select(grants).where(where).order_by(grants.c.created_at, grants.c.id).with_for_update()
    return tuple(_GRANT.validate_python(dict(row)) for row in (await conn.execute(query)).mappings())


async def write_grant(conn: AsyncConnection, grant: Grant) -> None:
    """Store a grant, in place of the one this person gave before on the same ballot."""
    row = {field.name: getattr(grant, field.name) for field in fields(Grant)}
    row["requirement"] = _REQUIREMENT.dump_python(grant.requirement, mode="json")
    await conn.execute(delete(grants).where(grants.c.id == grant.id))
    await conn.execute(insert(grants).values(**row))


async def use_grant(conn: AsyncConnection, grant: Grant) -> None:
    """One use less."""
    left = replace(grant, uses_left=grant.uses_left - 1).uses_left
    await conn.execute(update(grants).where(grants.c.id == grant.id).values(uses_left=left))


def due(now: datetime) -> ColumnElement[bool]:
    """Rows that a sweep has to look at: past a deadline, or past half-time without an escalation."""
    c = ballots.c
    # Half-time without a division: created + expires <= 2 * now, in microseconds.
    twice = type_coerce(c.created_at, BigInteger) + type_coerce(c.expires_at, BigInteger)
    untold = or_(c.escalated_at.is_(None), 2 * type_coerce(c.escalated_at, BigInteger) < twice)
    half = and_(untold, twice <= 2 * micros(now))
    pending = and_(c.state == "pending", or_(c.expires_at <= now, half))
    return or_(pending, and_(c.state == "approved", c.use_by <= now))
