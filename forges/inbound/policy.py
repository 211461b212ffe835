"""Policy of what may come in from a forge: which repositories, which people, and for what. Default: nothing. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from domain import Refused, value
from domain.errors import Forbidden
from domain.work import Delivery, Line, Name, Profile
from forges.inbound.events import Asked, Closed, Failed, ForgeEvent, ForgePerson, Place, Voted

OLDEST: Final = timedelta(days=3)
"""GitHub sends a delivery again for three days. What is older is somebody's copy."""
AHEAD: Final = timedelta(minutes=5)
Subject = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
Trigger = Literal["label", "comment", "review", "ci"]
Way = Literal["review", "reaction"]


@value
class AllowedRepository:
    """A repository that may ask, and how its runs are done."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)+$", max_length=300)]
    """``acme/shop``."""
    url: Line = ""
    """What is cloned; empty: ``https://`` with the host of the hook."""
    profile: Profile = "sealed"
    accept: Line | None = None
    deliver: Delivery = "patch"
    expert: Name | None = None
    on: tuple[Trigger, ...] = ("label", "comment", "review")
    """What starts or goes on with a run here."""
    ci_branches: Annotated[tuple[Line, ...], Field(max_length=50)] = ()
    """Branches whose failures are tasks; empty: the default branch."""


@value
class ForgeHook:
    """One web hook of a forge: who it is signed by, and on whose behalf it may ask."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    forge: Literal["github", "gitlab"]
    org: Annotated[str, Field(min_length=1, max_length=200)]
    host: Annotated[str, Field(pattern=r"^[a-z0-9.-]{0,200}(:[0-9]{1,5})?$")] = ""
    """Empty: github.com, gitlab.com."""
    secrets: tuple[str, ...] = Field(min_length=1, max_length=5, repr=False)
    """All that are valid now: rotate by adding the new one, switching the forge, removing the old one."""
    mention: Annotated[str, Field(pattern=r"^@[A-Za-z0-9_-]{1,60}$")] = "@signoff"
    label: Annotated[str, Field(max_length=100)] = "signoff"
    """Empty: no label starts anything."""
    members: dict[str, Subject] = Field(default_factory=dict[str, Subject])
    """``github:583231`` → member of the organisation. Nobody else may start, refine or sign anything."""
    ci: Subject | None = None
    """In whose name a failed run of CI is mended; None: nobody's, so none is."""
    votes: tuple[Way, ...] = ()
    """What counts as a vote on an approval, besides what counts everywhere; empty: nothing."""
    highest_tier: Literal["medium", "high"] = "high"
    """Critical is signed in a login session, never here."""
    repositories: Annotated[tuple[AllowedRepository, ...], Field(max_length=1_000)] = ()

    def repository(self, place: Place) -> AllowedRepository:
        """The entry of a repository. Raises ``forge_repo_refused``."""
        # Both forges compare names without regard to case.
        for each in self.repositories:
            if each.name.lower() == place.repo.lower():
                return each
        raise Forbidden(
            f"The hook {self.name} may not work for {place.repo}.",
            code="forge_repo_refused",
            hint="Name it under repositories in the file of SIGNOFF_FORGES.",
        )

    def member(self, by: ForgePerson) -> str:
        """Who that is in the organisation. Raises ``forge_person_refused``."""
        if by.bot or by.id not in self.members:
            raise Forbidden(
                f"{by.id} is no member who may ask by the hook {self.name}.",
                code="forge_person_refused",
                hint="Name them by number under members in the file of SIGNOFF_FORGES; bots never count.",
            )
        return self.members[by.id]

    def clone_url(self, repository: AllowedRepository) -> str:
        """What is cloned."""
        return repository.url or f"https://{self.host or HOSTS[self.forge]}/{repository.name}.git"


HOSTS: Final[Mapping[str, str]] = {"github": "github.com", "gitlab": "gitlab.com"}


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
        Refused: ``forge_repo_refused``, ``forge_person_refused``, ``forge_trigger_refused``, ``forge_fork_refused``.
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
        if hook.ci is None or "ci" not in repository.on or event.branch not in branches:
            raise _untriggered("A failed run of CI on this branch", hook, event.place)
        return Admitted(repository=repository, subject=hook.ci, outside=True)  # a log says what anybody's test prints
    subject = hook.member(event.by)
    if isinstance(event, Voted):
        if event.way not in hook.votes:
            raise _untriggered(f"A {event.way} as a vote", hook, event.place)
        return Admitted(repository=repository, subject=subject, outside=False)
    trigger: Trigger = "review" if event.kind == "reviewed" else "label" if event.label else "comment"
    if trigger not in repository.on:
        raise _untriggered(f"A {trigger}", hook, event.place)
    outside = isinstance(event, Asked) and (event.author is None or event.author.id not in hook.members)
    return Admitted(repository=repository, subject=subject, outside=outside)


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


def _untriggered(what: str, hook: ForgeHook, place: Place) -> Refused:
    return Forbidden(
        f"{what} starts nothing for {place.repo} by the hook {hook.name}.",
        code="forge_trigger_refused",
        hint="Allow it in the file of SIGNOFF_FORGES: `on`, `ci` and `votes`.",
    )


def _named(place: Place) -> str:
    return f"{place.repo}#{place.number}" if place.number else place.repo
