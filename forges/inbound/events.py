"""Events of a forge that mean something here: asked, reviewed, failed, closed, voted. Values of our own words. Pure.

What a forge sends besides is an ``Ignored`` with the reason, which is told to who looks at the hook's log.
"""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from domain import value
from forges.contract import ForgeUser, Subject

MOST_WORDS = 12_000
"""Characters of one text of a forge that are taken over; a task has 20,000."""
Text = Annotated[str, Field(max_length=MOST_WORDS)]
Short = Annotated[str, Field(max_length=500)]
Number = Annotated[int, Field(ge=0, le=2**53)]
Path = Annotated[str, Field(max_length=1_000)]


@value
class EventPlace:
    """An issue, a pull request (GitLab: merge request), or only a repository."""

    repo: Annotated[str, Field(min_length=1, max_length=300)]
    """``acme/shop``, as the forge spells it."""
    kind: Subject | Literal["repository"]
    number: Number = 0
    """Within its repository; 0 for a repository."""


@value
class Asked:
    """Somebody set the label, or wrote to us in a comment."""

    kind: Literal["asked"] = "asked"
    place: EventPlace
    by: ForgeUser
    label: Short = ""
    """The label that was set; empty: it was a comment."""
    words: Text = ""
    """What the comment says to us; empty for a label."""
    title: Short = ""
    body: Text = ""
    """Of the issue or the pull request."""
    author: ForgeUser | None = None
    """Of the issue or the pull request."""
    head: Path = ""
    """Branch of the pull request; empty: the event does not say."""
    fork: bool = False
    """Its branch lies in another repository."""
    at: datetime | None = None


@value
class Reviewed:
    """A review, or a comment on lines of a pull request."""

    kind: Literal["reviewed"] = "reviewed"
    place: EventPlace
    by: ForgeUser
    words: Text
    file: Path = ""
    line: Number = 0
    comment: Short = ""
    """What a reply answers: the id of the comment, GitLab's of the discussion. Empty: the review as a whole."""
    head: Path = ""
    fork: bool = False
    at: datetime | None = None


@value
class Failed:
    """A workflow run or a pipeline failed."""

    kind: Literal["failed"] = "failed"
    place: EventPlace
    run: Number
    """Its id with the forge, by which its log is read."""
    name: Short = ""
    url: Path = ""
    jobs: Annotated[tuple[Short, ...], Field(max_length=50)] = ()
    """Names of those that failed, where the event has them."""
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
    branch: Path = ""
    default_branch: Path = ""
    fork: bool = False
    at: datetime | None = None


@value
class Closed:
    """A pull request was merged or closed: nobody works on it any more."""

    kind: Literal["closed"] = "closed"
    place: EventPlace
    by: ForgeUser
    merged: bool
    head: Path = ""
    fork: bool = False
    at: datetime | None = None


@value
class Voted:
    """A review or a comment that says nothing but which ballot it is about, and the digest of what was read."""

    kind: Literal["voted"] = "voted"
    way: Literal["review", "comment"]
    place: EventPlace
    by: ForgeUser
    choice: Literal["approve", "reject"]
    approval_id: Short = ""
    action_digest: Short = ""
    at: datetime | None = None


@value
class Ignored:
    """Nothing for us."""

    kind: Literal["ignored"] = "ignored"
    because: Short


ForgeEvent = Asked | Reviewed | Failed | Closed | Voted
_EVENT: TypeAdapter[ForgeEvent] = TypeAdapter(Annotated[ForgeEvent, Field(discriminator="kind")])


def event_json(event: ForgeEvent) -> str:
    """An event as its row keeps it."""
    return _EVENT.dump_json(event).decode()


def event_of(text: str) -> ForgeEvent:
    """The event of a row."""
    return _EVENT.validate_json(text)
