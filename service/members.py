"""Who belongs to an organisation, with the roles their login said they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON, Column, DateTime, String, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import reading, writing
from service.runs import METADATA

MEMBERS = Table(
    "members",
    METADATA,
    Column("org", String(200), primary_key=True),
    Column("subject", String(300), primary_key=True),
    Column("roles", JSON, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
)
_M = MEMBERS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The approvals room asks here when an approval is used: a role that was taken away does not count."""

    engine: AsyncEngine

    async def roles(self, org: str, subject: str) -> Sequence[str]:
        """The roles this person holds now; none for a stranger."""
        async with reading(self.engine) as conn:
            query = select(_M.roles).where(_M.org == org, _M.subject == subject)
            return tuple((await conn.execute(query)).scalar_one_or_none() or ())

    async def seen(self, org: str, subject: str, roles: Sequence[str], *, now: datetime) -> None:
        """Remember what a verified login says, where it says something new."""
        known = await self.roles(org, subject)
        if tuple(known) == tuple(roles):
            return
        here = (_M.org == org, _M.subject == subject)
        values = {"roles": list(roles), "seen_at": now}
        async with writing(self.engine) as conn:
            if (await conn.execute(update(MEMBERS).where(*here).values(**values))).rowcount:
                return
        try:
            async with writing(self.engine) as conn:
                await conn.execute(insert(MEMBERS).values(org=org, subject=subject, **values))
        except IntegrityError:  # two requests of a new member at once; both said the same
            return

    async def remove(self, org: str, subject: str) -> None:
        """Forget a member: whatever they approved and was not used yet does not count any more."""
        async with writing(self.engine) as conn:
            await conn.execute(delete(MEMBERS).where(_M.org == org, _M.subject == subject))
