"""The mode of an organisation: solo, or team from the moment a second person can log in, whatever the setting says.

The mode stands in the database, so every process has the same one, and it only becomes stricter: people who leave, keys
that end and a server that is started otherwise bring no one back to signing for themselves.
"""

from dataclasses import dataclass

from sqlalchemy import func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Clock, Mode, Policy, reading, writing
from domain import Requirement, Tier
from service.auth import KEYS, MODES
from service.members import MEMBERS


@dataclass(slots=True, kw_only=True)
class Company:
    """Everybody who can log in: with a personal key, or once seen with a login of the issuer."""

    engine: AsyncEngine
    org: str
    policy: Policy
    configured: Mode
    clock: Clock
    several: bool = False
    """What the database said last. It stays true, so nobody has to ask again."""

    @property
    def mode(self) -> Mode:
        """``team`` once it was seen that there are several."""
        return "team" if self.several else self.configured

    def requirement(self, tier: Tier) -> Requirement:
        """What a signature of this tier needs now."""
        return self.policy.requirement(tier, mode=self.mode)

    async def roles(self, subject: str) -> tuple[str, ...]:
        """What the keys say that stand for this person and are good now."""
        keys = select(KEYS.c.roles).where(
            KEYS.c.org == self.org, KEYS.c.subject == subject, KEYS.c.personal, KEYS.c.kind == "ak",
            or_(KEYS.c.expires_at.is_(None), KEYS.c.expires_at > self.clock()),
        )  # fmt: skip
        async with reading(self.engine) as conn:
            found = (await conn.execute(keys)).scalars().all()
        return tuple(dict.fromkeys(role for roles in found for role in roles))

    async def look(self) -> None:
        """Read the mode, and count the people for as long as there was only one."""
        if self.mode == "team":
            return
        holders = select(KEYS.c.subject).where(KEYS.c.org == self.org, KEYS.c.personal)
        members = select(MEMBERS.c.subject).where(MEMBERS.c.org == self.org)
        everybody = select(func.count()).select_from(holders.union(members).subquery()).scalar_subquery()
        mode = select(MODES.c.mode).where(MODES.c.org == self.org).scalar_subquery()
        async with reading(self.engine) as conn:
            count, known = (await conn.execute(select(everybody, mode))).one()
        if known == "team":
            self.several = True
        elif count > 1:
            await self.become_team()

    async def become_team(self) -> None:
        """Write down that several people work here. Sessions of the mode before end with it."""
        mine = MODES.c.org == self.org
        change = {"mode": "team", "changed_at": self.clock()}
        try:
            async with writing(self.engine) as conn:
                known = (await conn.execute(select(MODES.c.mode).where(mine).with_for_update())).scalar()
                if known is None:
                    await conn.execute(insert(MODES).values(org=self.org, generation=1, **change))
                elif known != "team":
                    later = MODES.c.generation + 1
                    await conn.execute(update(MODES).where(mine).values(generation=later, **change))
        except IntegrityError:  # another process saw the same at the same moment
            pass
        self.several = True
