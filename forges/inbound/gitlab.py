"""GitLab: web hook payloads read as events. Pure.

Shapes: https://docs.gitlab.com/user/project/integrations/webhook_events. A merge request is a pull request here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from forges.contract import ForgeUser, Subject
from forges.gitlab import is_bot
from forges.inbound.events import (
    Asked,
    Closed,
    EventPlace,
    Failed,
    ForgeEvent,
    Ignored,
    Reviewed,
)
from forges.inbound.markdown import MARKER, mentioned, visible
from forges.inbound.payload import Body, Count, Line, PayloadPart, read_part, written_vote

_NOTEABLE: Mapping[str, Subject] = {"Issue": "issue", "MergeRequest": "pull_request"}


def _utc(stamp: Any) -> Any:
    # Some events write ``2015-05-17 18:08:09 UTC``, others ISO 8601.
    return f"{stamp[:-4]}+00:00" if isinstance(stamp, str) and stamp.endswith(" UTC") else stamp


Stamp = Annotated[datetime | None, BeforeValidator(_utc)]


class _User(PayloadPart):
    id: int
    username: Line = ""

    @property
    def person(self) -> ForgeUser:
        return ForgeUser(id=str(self.id), login=self.username, bot=is_bot(self.username))


class _Project(PayloadPart):
    path_with_namespace: Line
    default_branch: Line = ""


class _Label(PayloadPart):
    title: Line = ""


class _Labels(PayloadPart):
    previous: list[_Label] = Field(default_factory=list[_Label])
    current: list[_Label] = Field(default_factory=list[_Label])


class _Changes(PayloadPart):
    labels: _Labels = Field(default_factory=_Labels)


class _Position(PayloadPart):
    new_path: Line = ""
    new_line: Count = 0
    old_line: Count = 0


class _About(PayloadPart):
    """An issue or a merge request."""

    iid: int
    title: Line = ""
    description: Body = ""
    author_id: int | None = None
    source_branch: Line = ""
    source_project_id: int | None = None
    target_project_id: int | None = None

    @property
    def author(self) -> ForgeUser | None:
        return ForgeUser(id=str(self.author_id), login="") if self.author_id is not None else None

    @property
    def branch(self) -> dict[str, Any]:
        """Where a merge request comes from."""
        return {"head": self.source_branch, "fork": self.source_project_id != self.target_project_id}


class _Attributes(PayloadPart):
    """``object_attributes``: of which object depends on the event."""

    id: int = 0
    iid: int = 0
    action: Line = ""
    title: Line = ""
    description: Body = ""
    author_id: int | None = None
    source_branch: Line = ""
    source_project_id: int | None = None
    target_project_id: int | None = None
    note: Body = ""
    noteable_type: Line = ""
    system: bool = False
    type: Line = ""
    discussion_id: Line = ""
    position: _Position | None = None
    status: Line = ""
    ref: Line = ""
    tag: bool = False
    sha: Line = ""
    url: Line = ""
    created_at: Stamp = None
    updated_at: Stamp = None
    finished_at: Stamp = None


class _Job(PayloadPart):
    name: Line = ""
    status: Line = ""
    allow_failure: bool = False


class _Payload(PayloadPart):
    object_kind: Line = ""
    user: _User | None = None
    project: _Project | None = None
    object_attributes: _Attributes = Field(default_factory=_Attributes)
    changes: _Changes = Field(default_factory=_Changes)
    labels: list[_Label] = Field(default_factory=list[_Label])
    issue: _About | None = None
    merge_request: _About | None = None
    builds: list[_Job] = Field(default_factory=list[_Job])


def parse_gitlab(_: Mapping[str, str], payload: Any, *, mention: str, label: str) -> ForgeEvent | Ignored:
    """What a verified payload says. Raises ``hook_invalid`` for one that is not what its event says."""
    read = read_part(_Payload, payload)
    if read.project is None or read.user is None:
        return Ignored(because=f"the event {read.object_kind or 'without a name'}")
    return _Reading(read, read.project, read.user, mention, label).event()


class _Reading:
    """One payload being read."""

    def __init__(self, read: _Payload, project: _Project, user: _User, mention: str, label: str) -> None:
        self.read, self.project, self.user = read, project, user
        self.mention, self.label = mention, label

    def event(self) -> ForgeEvent | Ignored:
        match self.read.object_kind, self.read.object_attributes.action:
            case "merge_request", "close" | "merge":
                return self._closed()
            case "issue" | "merge_request" as kind, "open" | "update":
                return self._labelled(kind)
            case "note", "create" | "":
                return self._commented()
            case "pipeline", _:
                return self._failed()
            case kind, action:
                return Ignored(because=f"the event {kind} {action}".strip()[:200])

    def _about(self) -> _About:
        return read_part(_About, self.read.object_attributes.model_dump())

    def _labelled(self, kind: str) -> ForgeEvent | Ignored:
        read = self.read
        opened = read.object_attributes.action == "open"
        before = {each.title.lower() for each in read.changes.labels.previous}
        after = {each.title.lower() for each in (read.labels if opened else read.changes.labels.current)}
        if not self.label or self.label.lower() not in after - before:
            return Ignored(because="another label")
        about = self._about()
        pull = kind == "merge_request"
        return Asked(
            place=self._place("pull_request" if pull else "issue", about.iid),
            by=self.user.person,
            label=self.label,
            title=about.title,
            body=visible(about.description),
            author=about.author,
            at=read.object_attributes.updated_at,
            **(about.branch if pull else {}),
        )

    def _commented(self) -> ForgeEvent | Ignored:
        read, note = self.read, self.read.object_attributes
        about = read.merge_request or read.issue
        kind = _NOTEABLE.get(note.noteable_type)
        if note.system or about is None or kind is None:
            return Ignored(because="a comment on something else")
        if MARKER in note.note:
            return Ignored(because="a comment of ours")
        place, branch = self._place(kind, about.iid), about.branch if kind == "pull_request" else {}
        words = mentioned(note.note, self.mention)
        if words is None and kind == "pull_request" and note.position is not None:
            return Reviewed(
                place=place,
                by=self.user.person,
                words=visible(note.note),
                file=note.position.new_path,
                line=note.position.new_line or note.position.old_line,
                comment=note.discussion_id,
                at=note.created_at,
                **branch,
            )
        if words is None:
            return Ignored(because="a comment that does not begin with our name")
        if (vote := written_vote(words, place, self.user.person, note.created_at)) is not None:
            return vote
        return Asked(
            place=place,
            by=self.user.person,
            words=words,
            title=about.title,
            body=visible(about.description),
            author=about.author,
            at=note.created_at,
            **branch,
        )

    def _closed(self) -> ForgeEvent:
        about, attributes = self._about(), self.read.object_attributes
        return Closed(
            place=self._place("pull_request", about.iid),
            by=self.user.person,
            merged=attributes.action == "merge",
            at=attributes.updated_at,
            **about.branch,
        )

    def _failed(self) -> ForgeEvent | Ignored:
        read, pipeline = self.read, self.read.object_attributes
        if pipeline.status != "failed" or pipeline.tag:
            return Ignored(because="a pipeline that did not fail")
        request = read.merge_request
        return Failed(
            place=self._place("repository", 0),
            run=pipeline.id,
            name="pipeline",
            url=pipeline.url,
            jobs=tuple(job.name for job in read.builds if job.status == "failed" and not job.allow_failure)[:50],
            commit=pipeline.sha,
            branch=request.source_branch if request else pipeline.ref,
            default_branch=self.project.default_branch,
            fork=request is not None and bool(request.branch["fork"]),
            at=pipeline.finished_at,
        )

    def _place(self, kind: Subject | Literal["repository"], number: int) -> EventPlace:
        return EventPlace(repo=self.project.path_with_namespace, kind=kind, number=number)
