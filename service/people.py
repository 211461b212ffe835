"""Who may sign on one machine without a user directory."""

from collections.abc import Sequence
from dataclasses import dataclass

from approvals import Mode, People, Voter
from service.company import Company

SIGNER = ("operator", "approver", "critical_approver")


@dataclass(frozen=True, slots=True, kw_only=True)
class Household:
    """In solo mode whoever sits at the terminal may sign; in team mode only who is named in the settings."""

    company: Company
    approvers: tuple[str, ...] = ()
    members: People | None = None
    """The directory of a service: what people's logins said about their roles."""

    @property
    def mode(self) -> Mode:
        """How it is now: it changes when a second person comes."""
        return self.company.mode

    async def roles(self, org: str, subject: str) -> Sequence[str]:
        """The roles this person holds now."""
        known = await self.members.roles(org, subject) if self.members else ()
        held = await self.company.roles(subject) if org == self.company.org else ()
        return tuple(dict.fromkeys((*self.of(subject), *known, *held)))

    def of(self, subject: str) -> tuple[str, ...]:
        """The same without waiting: it is a list, not a directory."""
        named = subject in self.approvers
        return SIGNER if named or (self.mode == "solo" and not self.approvers) else ("viewer",)

    def voter(self, subject: str, org: str) -> Voter:
        """The person at this terminal: a human, without a login session or a second factor."""
        return Voter(subject=subject, kind="human", roles=self.of(subject), org=org, surface="terminal")
