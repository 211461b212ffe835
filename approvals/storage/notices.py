"""Notices: which channels tell a person of actions that went ahead by policy (``approval.noted``), as they chose.

A choice adds to what the operator configured and takes nothing away: what a channel tells all, it goes on telling.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import and_, delete, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from approvals.ballot import Ballot
from approvals.storage import rows
from approvals.storage.tables import ballots, notices
from database import reading, writing

Whose = Literal["own", "all"]
"""Of runs that the person asked for, or of everybody's in their organisation."""
BROWSER = "@browser"
"""The channel that is no web hook: the pages that a person has open. No endpoint can have this name."""
_C = notices.c


async def chosen(conn: AsyncConnection, org: str, requester: str) -> Sequence[str]:
    """Channels by which some person wants to be told of what this requester's runs do."""
    wanted = or_(_C.whose == "all", and_(_C.whose == "own", _C.subject == requester))
    return (await conn.execute(select(_C.channel).where(_C.org == org, wanted).distinct())).scalars().all()


@dataclass(frozen=True, slots=True, kw_only=True)
class Notices:
    """What people chose, and what there is to tell them in a browser."""

    engine: AsyncEngine

    async def of(self, org: str, subject: str) -> Mapping[str, Whose]:
        """A person's choices by channel."""
        query = select(_C.channel, _C.whose).where(_C.org == org, _C.subject == subject)
        async with reading(self.engine) as conn:
            return {row.channel: row.whose for row in await conn.execute(query)}

    async def choose(self, org: str, subject: str, choices: Mapping[str, Whose]) -> None:
        """Put these choices in the place of all that the person made before."""
        async with writing(self.engine) as conn:
            await conn.execute(delete(notices).where(_C.org == org, _C.subject == subject))
            for channel, whose in choices.items():
                row = {"org": org, "subject": subject, "channel": channel, "whose": whose}
                await conn.execute(insert(notices).values(**row))

    async def noted(
        self, org: str, subject: str, *, since: datetime, besides: Collection[str] = (), limit: int = 20
    ) -> Sequence[Ballot]:
        """What went ahead by policy since then and this person wants to be told of in a browser, the oldest first."""
        whose = (await self.of(org, subject)).get(BROWSER)
        if whose is None:
            return ()
        c = ballots.c
        where = and_(c.org == org, c.created_at >= since, c.state != "pending", c.id.not_in(list(besides)))
        where = and_(where, c.requester == subject) if whose == "own" else where
        async with reading(self.engine) as conn:
            newest = await rows.read(conn, where, limit=limit)
        return [
            each
            for each in reversed(newest)
            if each.requirement.notify and (each.requirement.humans == 0 or each.grant)
        ]
