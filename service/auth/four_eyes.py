"""Four eyes: whether they are in force, and who may sign on a machine without a user directory.

As soon as there are two people, four eyes hold, whatever the setting says.
"""

import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import String, bindparam, func, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Clock, Mode, Policy, Voter
from database import reading, writing
from domain import Requirement, Tier
from domain.identity import alike
from service.auth.api_keys import KEYS, MODES
from service.auth.directory import MEMBERS, Members

# Each vote asks these some times over: building a statement takes longer than SQLite takes to answer it.
_ORG: Final = bindparam("org", type_=String)
_ROLES_OF_KEYS: Final = select(KEYS.c.roles).where(
    KEYS.c.org == _ORG,
    KEYS.c.subject == bindparam("subject", type_=String),
    KEYS.c.personal,
    KEYS.c.kind == "ak",
    or_(KEYS.c.expires_at.is_(None), KEYS.c.expires_at > bindparam("now", type_=KEYS.c.expires_at.type)),
)
# Ended keys count, too: a team does not become solo again.
_HOLDERS: Final = select(KEYS.c.subject).where(KEYS.c.org == _ORG, KEYS.c.personal)
_SEEN: Final = select(MEMBERS.c.subject).where(MEMBERS.c.org == _ORG)
_PEOPLE_AND_MODE: Final = select(
    select(func.count()).select_from(_HOLDERS.union(_SEEN).subquery()).scalar_subquery(),
    select(MODES.c.mode).where(MODES.c.org == _ORG).scalar_subquery(),
)


@dataclass(slots=True, kw_only=True)
class FourEyes:
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
        named = {"org": self.org, "subject": subject, "now": self.clock()}
        async with reading(self.engine) as conn:
            roles_of_keys = (await conn.execute(_ROLES_OF_KEYS, named)).scalars().all()
        return tuple(dict.fromkeys(role for roles in roles_of_keys for role in roles))

    async def look(self) -> None:
        """Read the mode, and count the people for as long as there was only one."""
        if self.mode == "team":
            return
        async with reading(self.engine) as conn:
            count, known = (await conn.execute(_PEOPLE_AND_MODE, {"org": self.org})).one()
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


SIGNER = ("operator", "approver", "critical_approver")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDirectory:
    """In solo mode whoever sits at the terminal may sign; in team mode only who is named in the settings.

    Roles that solo mode lends are asked of the mode of the moment, and are written nowhere.
    """

    four_eyes: FourEyes
    approvers: tuple[str, ...] = ()
    members: Members | None = None
    """The directory of a service: what people's logins said about their roles."""

    @property
    def mode(self) -> Mode:
        """How it is now: it changes when a second person comes."""
        return self.four_eyes.mode

    async def roles(self, org: str, subject: str) -> Sequence[str]:
        """The roles this person holds now."""
        await self.four_eyes.look()
        return tuple(dict.fromkeys((*self.of(subject, org), *await self.lasting(org, subject))))

    async def lasting(self, org: str, subject: str) -> Sequence[str]:
        """The roles this person holds in any mode: by the settings, a login, or a personal key."""
        known = await self.members.roles(org, subject) if self.members else ()
        here = org == self.four_eyes.org
        held = await self.four_eyes.roles(subject) if here else ()
        return tuple(dict.fromkeys((*(SIGNER if here and subject in self.approvers else ()), *known, *held)))

    async def alone(self, org: str) -> bool:
        """Whether one person works here alone now, by the database and not by what this process remembers."""
        await self.four_eyes.look()
        return self.mode == "solo" and org == self.four_eyes.org

    async def programs(self, org: str, subject: str) -> Sequence[str]:
        """Programs whose keys this person made or renewed, ended ones too: what they ask for may still wait."""
        keys = select(KEYS.c.subject, KEYS.c.makers).where(KEYS.c.org == org, ~KEYS.c.personal, KEYS.c.kind == "ak")
        async with reading(self.four_eyes.engine) as conn:
            rows = (await conn.execute(keys)).all()
        return tuple(dict.fromkeys(str(name) for name, makers in rows if any(alike(subject, each) for each in makers)))

    def of(self, subject: str, org: str) -> tuple[str, ...]:
        """The same without waiting: it is a list, not a directory. The settings are about the server's own people."""
        if org != self.four_eyes.org:
            return ("viewer",)
        named = subject in self.approvers
        return SIGNER if named or (self.mode == "solo" and not self.approvers) else ("viewer",)

    def voter(self, subject: str, org: str) -> Voter:
        """The person at this terminal: a human, without a login session or a second factor."""
        return Voter(subject=subject, kind="human", roles=self.of(subject, org), org=org, surface="terminal")


def local_user() -> str:
    """Who runs this process, as the operating system says. No environment variable makes somebody else of them."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a number that has no name
        return f"uid-{os.getuid()}"
