"""Whether one person works here alone: as soon as there are two, four eyes hold, whatever the setting says."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Mode, Policy, reading
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
    several: bool = False
    """Stays true for as long as the process lives: going back to solo is not done by the way."""

    @property
    def mode(self) -> Mode:
        """``team`` once it was seen that there are several."""
        return "team" if self.several else self.configured

    def requirement(self, tier: Tier) -> Requirement:
        """What a signature of this tier needs now."""
        return self.policy.requirement(tier, mode=self.mode)

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
