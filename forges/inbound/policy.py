"""Policy of what may come in from a forge: which repositories, which people, and for what. Default: nothing. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field

from domain import Refused, value
from domain.configuration import SHORTEST_SECRET
from domain.errors import Forbidden
from domain.identity import confusable
from domain.work import Delivery, Line, Name, Profile
from forges.contract import ForgeUser, Permission
from forges.inbound.events import Asked, Closed, EventPlace, Failed, ForgeEvent, Voted

OLDEST: Final = timedelta(days=3)
"""GitHub sends a delivery again for three days. What is older is somebody's copy."""
AHEAD: Final = timedelta(minutes=5)
OURS: Final = "signoff/"
"""How the branches begin that Signoff pushes."""
RANKS: Final[tuple[Permission, ...]] = ("none", "read", "write", "admin")
Subject = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Trigger = Literal["label", "comment", "review", "ci"]
Way = Literal["review", "comment", "reaction"]
# YAML reads an unquoted 583231 as a number.
UserId = Annotated[
    str,
    BeforeValidator(lambda key: str(key) if isinstance(key, int) else key),
    Field(pattern=r"^[0-9]{1,20}$"),
]


@value
class AllowedRepository:
    """A repository that may ask, and how its runs are done."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+$", max_length=300)]
    """``acme/shop``."""
    url: Line = ""
    """What is cloned; empty: its address on the forge."""
    profile: Profile = "sealed"
    accept: Line | None = None
    deliver: Delivery = "pr"
    expert: Name | None = None
    triggers: Annotated[tuple[Trigger, ...], Field(max_length=4)] = ("label", "comment", "review")
    """What starts a run here, or goes on with one."""
    ci_branches: Annotated[tuple[Line, ...], Field(max_length=50)] = ()
    """Branches whose failures are tasks; empty: the default branch. Those of our pull requests always are."""


@value
class ForgeHook:
    """One web hook of a forge: who signs it, on whose behalf it asks, and what it may."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    """Its address is ``POST /v1/hooks/forges/{name}``."""
    forge: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    """The entry under ``forges`` that it belongs to."""
    org: Annotated[str, Field(min_length=1, max_length=200)]
    secrets: tuple[str, ...] = Field(min_length=1, max_length=5, repr=False)
    """All that are valid now: rotate by adding the new one, switching the forge, removing the old one."""
    mention: Annotated[str, Field(pattern=r"^@[A-Za-z0-9_-]{1,60}$")] = "@signoff"
    label: Annotated[str, Field(max_length=100)] = "signoff"
    """Empty: no label starts anything."""
    members: Annotated[dict[UserId, Subject], Field(max_length=10_000)] = Field(default_factory=dict[str, str])
    """A user's number on the forge → the member of the organisation. Nobody else starts, refines or signs anything."""
    permission: Permission = "write"
    """What such a member has to be allowed in the repository, by the forge's own word. ``none``: it is not asked."""
    ci: Subject | None = None
    """In whose name a failed run of CI is mended; None: nobody's, so none is."""
    votes: Annotated[tuple[Way, ...], Field(max_length=3)] = ()
    """What counts as a vote on an approval; empty: nothing that people write or press on the forge."""
    highest_tier: Literal["medium", "high"] = "high"
    """Critical is signed in a login session, never here."""
    repositories: Annotated[tuple[AllowedRepository, ...], Field(max_length=1_000)] = ()

    def repository(self, place: EventPlace) -> AllowedRepository:
        """The entry of a repository. Raises ``forge_hook_refused``."""
        # Both forges compare names without regard to case.
        for each in self.repositories:
            if each.name.lower() == place.repo.lower():
                return each
        raise _refused(f"The hook {self.name} may not work for {place.repo}.", "Name it under its repositories")

    def member(self, by: ForgeUser) -> str:
        """Who that is in the organisation. Raises ``forge_person_refused``."""
        if by.bot or by.id not in self.members:
            raise Forbidden(
                f"User {by.id} of the forge is no member who may ask by the hook {self.name}.",
                code="forge_person_refused",
                hint="Name them by number under members of the hook in the file of SIGNOFF_FORGES; bots never count.",
            )
        return self.members[by.id]


@value
class Admitted:
    """An event that the policy lets in."""

    repository: AllowedRepository
    subject: str
    """The member in whose name it is done; empty: nobody's, it ends something."""
    outside: bool
    """Whether its words are, or may be, those of people who are no members."""


def admit(hook: ForgeHook, event: ForgeEvent) -> Admitted:
    """What the policy says to an event.

    Raises:
        Refused: ``forge_hook_refused``, ``forge_person_refused``, ``forge_fork_refused``.
    """
    repository = hook.repository(event.place)
    if isinstance(event, Closed):  # it ends what we did, whoever closed it
        return Admitted(repository=repository, subject="", outside=True)
    if not isinstance(event, Voted) and event.fork:
        raise Forbidden(
            f"The branch of {_named(event.place)} lies in another repository.",
            code="forge_fork_refused",
            hint="Push it to a branch of this repository; what a fork holds is anybody's code.",
        )
    if isinstance(event, Failed):
        branches = repository.ci_branches or (event.default_branch,)
        mends = event.branch in branches or event.branch.startswith(OURS)
        if hook.ci is None or "ci" not in repository.triggers or not mends:
            raise _untriggered("A failed run of CI on this branch", hook, event.place)
        return Admitted(repository=repository, subject=hook.ci, outside=True)  # a log says what anybody's test prints
    subject = hook.member(event.by)
    if isinstance(event, Voted):
        if event.way not in hook.votes:
            raise _untriggered(f"A {event.way} as a vote", hook, event.place)
        return Admitted(repository=repository, subject=subject, outside=False)
    trigger: Trigger = "review" if event.kind == "reviewed" else "label" if event.label else "comment"
    if trigger not in repository.triggers:
        raise _untriggered(f"A {trigger}", hook, event.place)
    outside = isinstance(event, Asked) and (event.author is None or event.author.id not in hook.members)
    return Admitted(repository=repository, subject=subject, outside=outside)


def hooks_fault(hooks: Sequence[ForgeHook], forges: Mapping[str, str]) -> str:
    """What is wrong with the hooks of a configuration, as its reader is told; empty: nothing. Kinds by forge."""
    names = [hook.name for hook in hooks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        return f"hook {twice[0]} is there twice"
    for hook in hooks:
        if hook.forge not in forges:
            return f"hook {hook.name}: there is no forge {hook.forge}"
        # A reaction there changes the time of its comment, as an edit does: nothing tells what was read.
        if "reaction" in hook.votes and forges[hook.forge] != "github":
            return f"hook {hook.name}: only GitHub's reactions can be votes"
        if short := [secret for secret in hook.secrets if len(secret.encode()) < SHORTEST_SECRET]:
            return f"hook {hook.name}: a secret has {len(short[0].encode())} bytes, {SHORTEST_SECRET} are needed"
        if pair := confusable(hook.members.values()):
            return f"hook {hook.name}: {pair[0]!a} and {pair[1]!a} could be taken for one another"
    return ""


def ensure_timely(event: ForgeEvent, now: datetime) -> None:
    """Refuse what happened long ago: its id may be forgotten here. Raises ``hook_too_old``."""
    # A stamp without a zone is one of UTC.
    at = event.at if event.at is None or event.at.tzinfo else event.at.replace(tzinfo=now.tzinfo)
    if at is not None and not -AHEAD <= now - at <= OLDEST:
        raise Forbidden(
            f"This happened at {at.isoformat()}, which is too far from now.",
            code="hook_too_old",
            hint="Ask again on the forge; it sends a new one. Compare the clocks.",
        )


def _untriggered(what: str, hook: ForgeHook, place: EventPlace) -> Refused:
    return _refused(
        f"{what} starts nothing for {place.repo} by the hook {hook.name}.", "Allow it: `triggers`, `ci`, `votes`"
    )


def _refused(what: str, remedy: str) -> Refused:
    return Forbidden(what, code="forge_hook_refused", hint=f"{remedy} in the file of SIGNOFF_FORGES (docs/forges.md).")


def _named(place: EventPlace) -> str:
    return f"{place.repo}#{place.number}" if place.number else place.repo
