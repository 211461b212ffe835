"""GitHub: web hook payloads read as events. Pure.

Shapes: https://docs.github.com/webhooks/webhook-events-and-payloads, and the recorded examples of octokit/webhooks
(``payload-examples/api.github.com``).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import Field

from forges.contract import ForgeUser
from forges.inbound.events import Asked, Closed, EventPlace, Failed, ForgeEvent, Ignored, Reviewed, Voted
from forges.inbound.markdown import MARKER, mentioned, visible
from forges.inbound.payload import Body, Line, PayloadPart, read_part, typed_vote, written_vote

_FAILED = frozenset({"failure", "timed_out"})


class _User(PayloadPart):
    id: int
    login: Line = ""
    type: Line = ""

    @property
    def person(self) -> ForgeUser:
        # Apps act, too, and their logins look like anybody's.
        return ForgeUser(id=str(self.id), login=self.login, bot=self.type != "User")


class _Repository(PayloadPart):
    full_name: Line
    default_branch: Line = ""


class _Label(PayloadPart):
    name: Line = ""


class _Issue(PayloadPart):
    number: int
    title: Line = ""
    body: Body = ""
    user: _User | None = None
    pull_request: dict[str, Any] | None = None
    """There: it is a pull request, which is an issue, too."""
    updated_at: datetime | None = None


class _Branch(PayloadPart):
    ref: Line = ""
    repo: _Repository | None = None
    """None: the fork was deleted."""


class _Pull(PayloadPart):
    number: int
    title: Line = ""
    body: Body = ""
    user: _User | None = None
    head: _Branch = Field(default_factory=_Branch)
    merged: bool = False
    updated_at: datetime | None = None


class _Comment(PayloadPart):
    id: int
    body: Body = ""
    user: _User | None = None
    path: Line = ""
    line: int | None = None
    in_reply_to_id: int | None = None
    created_at: datetime | None = None


class _Review(PayloadPart):
    id: int
    body: Body = ""
    state: Line = ""
    user: _User | None = None
    submitted_at: datetime | None = None


class _Workflow(PayloadPart):
    id: int
    name: Line = ""
    head_branch: Line = ""
    head_sha: str
    head_repository: _Repository | None = None
    conclusion: Line = ""
    html_url: Line = ""
    updated_at: datetime | None = None


class _Payload(PayloadPart):
    action: Line = ""
    repository: _Repository | None = None
    sender: _User | None = None
    issue: _Issue | None = None
    pull_request: _Pull | None = None
    comment: _Comment | None = None
    review: _Review | None = None
    label: _Label | None = None
    workflow_run: _Workflow | None = None


def parse_github(headers: Mapping[str, str], payload: Any, *, mention: str, label: str) -> ForgeEvent | Ignored:
    """What a verified payload says. Raises ``hook_invalid`` for one that is not what its event says."""
    event = headers.get("x-github-event", "")
    read = read_part(_Payload, payload)
    if read.repository is None or read.sender is None:
        return Ignored(because=f"the event {event or 'without a name'}")
    return _Reading(read, read.repository, read.sender, mention, label).event(f"{event}.{read.action}")


class _Reading:
    """One payload being read."""

    def __init__(self, read: _Payload, repository: _Repository, sender: _User, mention: str, label: str) -> None:
        self.read, self.repository, self.sender = read, repository, sender
        self.mention, self.label = mention, label

    def event(self, named: str) -> ForgeEvent | Ignored:
        match named:
            case "issues.labeled" | "pull_request.labeled":
                return self._labelled()
            case "issue_comment.created":
                return self._commented()
            case "pull_request_review.submitted":
                return self._reviewed()
            case "pull_request_review_comment.created":
                return self._on_lines()
            case "pull_request.closed":
                return self._closed()
            case "workflow_run.completed":
                return self._failed()
            case _:
                return Ignored(because=f"the event {named[:100]}")

    def _pull(self, pull: _Pull) -> dict[str, Any]:
        place = EventPlace(repo=self.repository.full_name, kind="pull_request", number=pull.number)
        return {"place": place, "head": pull.head.ref, "fork": self._foreign(pull.head.repo)}

    def _foreign(self, repo: _Repository | None) -> bool:
        return repo is None or repo.full_name.lower() != self.repository.full_name.lower()

    def _labelled(self) -> ForgeEvent | Ignored:
        read = self.read
        about = read.issue or read.pull_request
        if about is None or read.label is None or read.label.name.lower() != self.label.lower() or not self.label:
            return Ignored(because="another label")
        issue: dict[str, Any] = {"place": EventPlace(repo=self.repository.full_name, kind="issue", number=about.number)}
        place = self._pull(about) if isinstance(about, _Pull) else issue
        return Asked(
            **place,
            by=self.sender.person,
            label=read.label.name,
            title=about.title,
            body=visible(about.body),
            author=about.user.person if about.user else None,
            at=about.updated_at,
        )

    def _commented(self) -> ForgeEvent | Ignored:
        issue, comment = self.read.issue, self.read.comment
        if issue is None or comment is None or MARKER in comment.body:
            return Ignored(because="a comment of ours")
        words = mentioned(comment.body, self.mention)
        if words is None:
            return Ignored(because="a comment that does not begin with our name")
        kind = "issue" if issue.pull_request is None else "pull_request"
        place = EventPlace(repo=self.repository.full_name, kind=kind, number=issue.number)
        if (vote := written_vote(words, place, self.sender.person, comment.created_at)) is not None:
            return vote
        return Asked(
            place=place,
            by=self.sender.person,
            words=words,
            title=issue.title,
            body=visible(issue.body),
            author=issue.user.person if issue.user else None,
            at=comment.created_at,
        )

    def _reviewed(self) -> ForgeEvent | Ignored:
        review, pull = self.read.review, self.read.pull_request
        if review is None or pull is None:
            return Ignored(because="a review of nothing")
        state = review.state.lower()
        if (vote := typed_vote(review.body)) is not None and state in {"approved", "changes_requested"}:
            return Voted(
                way="review",
                place=self._pull(pull)["place"],
                by=self.sender.person,
                choice="approve" if state == "approved" else "reject",
                approval_id=vote[0],
                action_digest=vote[1],
                at=review.submitted_at,
            )
        words = visible(review.body)
        if not words or state not in {"commented", "changes_requested"}:
            return Ignored(because="a review without words")
        return Reviewed(**self._pull(pull), by=self.sender.person, words=words, at=review.submitted_at)

    def _on_lines(self) -> ForgeEvent | Ignored:
        comment, pull = self.read.comment, self.read.pull_request
        if comment is None or pull is None or MARKER in comment.body:
            return Ignored(because="a comment of ours")
        return Reviewed(
            **self._pull(pull),
            by=self.sender.person,
            words=visible(comment.body),
            file=comment.path,
            line=comment.line or 0,
            # GitHub takes replies to the first comment of a thread only.
            comment=str(comment.in_reply_to_id or comment.id),
            at=comment.created_at,
        )

    def _closed(self) -> ForgeEvent | Ignored:
        pull = self.read.pull_request
        if pull is None:
            return Ignored(because="nothing that was closed")
        return Closed(**self._pull(pull), by=self.sender.person, merged=pull.merged, at=pull.updated_at)

    def _failed(self) -> ForgeEvent | Ignored:
        run = self.read.workflow_run
        if run is None or run.conclusion not in _FAILED:
            return Ignored(because="a workflow run that did not fail")
        return Failed(
            place=EventPlace(repo=self.repository.full_name, kind="repository"),
            run=run.id,
            name=run.name,
            url=run.html_url,
            commit=run.head_sha,
            branch=run.head_branch,
            default_branch=self.repository.default_branch,
            fork=self._foreign(run.head_repository),
            at=run.updated_at,
        )
