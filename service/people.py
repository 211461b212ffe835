"""Who may sign on one machine without a user directory."""

import os
import pwd
from collections.abc import Sequence
from dataclasses import dataclass

from approvals import Mode, Voter
from service.company import Company
from service.members import Members

SIGNER = ("operator", "approver", "critical_approver")


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """In solo mode whoever sits at the terminal may sign; in team mode only who is named in the settings.

    Roles that solo mode lends are asked of the mode of the moment, and are written nowhere.
    """

    company: Company
    approvers: tuple[str, ...] = ()
    members: Members | None = None
    """The directory of a service: what people's logins said about their roles."""

    @property
    def mode(self) -> Mode:
        """How it is now: it changes when a second person comes."""
        return self.company.mode

    async def roles(self, org: str, subject: str) -> Sequence[str]:
        """The roles this person holds now."""
        await self.company.look()
        return tuple(dict.fromkeys((*self.of(subject), *await self.lasting(org, subject))))

    async def lasting(self, org: str, subject: str) -> Sequence[str]:
        """The roles this person holds in any mode: by the settings, a login, or a personal key."""
        known = await self.members.roles(org, subject) if self.members else ()
        held = await self.company.roles(subject) if org == self.company.org else ()
        return tuple(dict.fromkeys((*(SIGNER if subject in self.approvers else ()), *known, *held)))

    async def alone(self, org: str) -> bool:
        """Whether one person works here alone now, by the database and not by what this process remembers."""
        await self.company.look()
        return self.mode == "solo" and org == self.company.org

    def of(self, subject: str) -> tuple[str, ...]:
        """The same without waiting: it is a list, not a directory."""
        named = subject in self.approvers
        return SIGNER if named or (self.mode == "solo" and not self.approvers) else ("viewer",)

    def voter(self, subject: str, org: str) -> Voter:
        """The person at this terminal: a human, without a login session or a second factor."""
        return Voter(subject=subject, kind="human", roles=self.of(subject), org=org, surface="terminal")


def local_user() -> str:
    """Who runs this process, as the operating system says. No environment variable makes somebody else of them."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a number that has no name
        return f"uid-{os.getuid()}"
