"""Erasure of a person: what the ballots say of them becomes their pseudonym. Decisions and digests stay."""

import hashlib

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from approvals.storage.tables import ballots, grants, kills, notices, votes
from domain.identity import person


async def forget(conn: AsyncConnection, org: str, subject: str, pseudonym: str, *, keep_words: bool = False) -> int:
    """Replace a person by ``pseudonym`` in every ballot of an organisation, inside the caller's transaction.

    Their comments go, too, unless ``keep_words``: the name is only corrected. Returns how many ballots were touched.
    Ballots that still wait should be cancelled first: a pseudonym can neither sign nor be told from another requester.
    """
    shaped = select(ballots.c.id, ballots.c.contributors).where(ballots.c.org == org, ballots.c.contributors != [])
    renamed = {
        row.id: [pseudonym if name == subject else name for name in row.contributors]
        for row in await conn.execute(shaped)
        if subject in row.contributors
    }
    columns = (ballots.c.requester, ballots.c.editor, ballots.c.handed_to)
    involved = or_(*(column == subject for column in columns), ballots.c.id.in_(list(renamed)))
    who = hashlib.sha256(person(subject).encode()).hexdigest()
    voted = select(votes.c.ballot).where(votes.c.person == who)
    touched = and_(ballots.c.org == org, or_(involved, ballots.c.id.in_(voted)))
    ids = list((await conn.execute(select(ballots.c.id).where(touched))).scalars())
    rejected = select(votes.c.ballot).where(votes.c.person == who, votes.c.choice == "reject")
    hidden = hashlib.sha256(person(pseudonym).encode()).hexdigest()
    mine = and_(votes.c.person == who, votes.c.ballot.in_(ids))
    words = (
        update(ballots).where(ballots.c.id.in_(ids), ballots.c.id.in_(rejected)).values(feedback=""),
        update(votes).where(mine).values(comment=""),
    )
    own = and_(notices.c.org == org, notices.c.subject == subject)
    for change in (
        *(() if keep_words else words),
        # Nobody is told as a pseudonym; who is only renamed goes on being told.
        update(notices).where(own).values(subject=pseudonym) if keep_words else delete(notices).where(own),
        update(votes).where(mine).values(voter=pseudonym, person=hidden),
        *(update(ballots).where(ballots.c.org == org, c == subject).values({c: pseudonym}) for c in columns),
        update(grants).where(grants.c.org == org, grants.c.granted_by == subject).values(granted_by=pseudonym),
        update(kills).where(kills.c.org == org, kills.c.killed_by == subject).values(killed_by=pseudonym),
    ):
        await conn.execute(change)
    for id_, names in renamed.items():
        await conn.execute(update(ballots).where(ballots.c.id == id_).values(contributors=names))
    return len(ids)
