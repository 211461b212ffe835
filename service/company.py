"""Whether one person works here alone: as soon as there are two, four eyes hold, whatever the setting says."""

from dataclasses import dataclass

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Clock, Mode, Policy, reading
from domain import Requirement, Tier
from service.auth import KEYS
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
    """Stays true for as long as the process lives: going back to solo is not done by the way."""

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
        """Count the people, for as long as there was only one."""
        if self.mode == "team":
            return
        holders = select(KEYS.c.subject).where(KEYS.c.org == self.org, KEYS.c.personal)
        members = select(MEMBERS.c.subject).where(MEMBERS.c.org == self.org)
        everybody = holders.union(members).subquery()
        async with reading(self.engine) as conn:
            count = (await conn.execute(select(func.count()).select_from(everybody))).scalar_one()
        self.several = count > 1
