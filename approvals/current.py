"""What people and policy are *now*: a ballot or a login made before may say more than still holds. It only tightens."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from approvals.ballot import Ballot, Revision, Voter
from approvals.contract import People
from approvals.errors import refusal
from approvals.quorum import among_several, awaits
from domain import Requirement
from domain.identity import alike


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """A voter with the roles they still have, and whether they work alone."""

    voter: Voter
    alone: bool
    programs: tuple[str, ...] = ()
    """Programs whose keys they made."""

    def is_own(self, ballot: Ballot) -> bool:
        """Whether a program of this voter shaped it, where several people work: they would sign for themselves."""
        return not self.alone and any(alike(name, program) for name in ballot.shaped_by for program in self.programs)

    def ensure_not_own(self, ballot: Ballot) -> None:
        """Raise ``self_approval`` for a ballot of one's own program."""
        if self.is_own(ballot):
            raise refusal("self_approval", f"{self.voter.subject} made the key of a program that shaped this action.")

    def ballot(self, ballot: Ballot) -> Ballot:
        """The ballot with what its requirement still allows."""
        return ballot if self.alone else replace(ballot, requirement=among_several(ballot.requirement))

    def awaits(self, ballot: Ballot, now: datetime) -> bool:
        """Whether the ballot waits for this voter."""
        return not self.is_own(ballot) and awaits(self.ballot(ballot), self.voter, now)

    def revision(self, revision: Revision) -> Revision:
        """The edit with what its requirement still allows."""
        return revision if self.alone else replace(revision, requirement=among_several(revision.requirement))


async def current(people: People, voter: Voter) -> Current:
    """Ask the directory again: another process may know of a second person, or of a role that was taken away."""
    held = await people.roles(voter.org, voter.subject)
    # Who stands in no directory is judged when the approval is used; here the surface's word counts, as for a spelling.
    roles = tuple(role for role in voter.roles if role in held) if held else voter.roles
    alone = await people.alone(voter.org)
    # Who works alone may sign what their own program asks for, as they may sign their own.
    programs = () if alone else tuple(await people.programs(voter.org, voter.subject))
    return Current(voter=replace(voter, roles=roles), alone=alone, programs=programs)


async def roles_of(
    people: People, ballot: Ballot, signers: Iterable[str], *, alone: bool
) -> Mapping[str, frozenset[str]]:
    """The roles with which each signer counts when the approval is used.

    None for whose program shaped the action: the key may have been made, or the program have spoken, after they signed.
    """
    roles: dict[str, frozenset[str]] = {}
    for name in signers:
        programs = () if alone else await people.programs(ballot.org, name)
        own = any(alike(shaper, program) for shaper in ballot.shaped_by for program in programs)
        roles[name] = frozenset[str]() if own else frozenset(await people.roles(ballot.org, name))
    return roles


async def required(people: People, org: str, requirement: Requirement) -> Requirement:
    """The requirement of today's mode."""
    if not requirement.allow_self or await people.alone(org):
        return requirement
    return among_several(requirement)
