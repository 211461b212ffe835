"""GitLab: its REST API (v4), with a project, group or personal access token. https://docs.gitlab.com/api/rest/."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from fnmatch import fnmatchcase
from typing import Any, ClassVar

from domain.errors import Conflict, Forbidden, Missing
from forges.client import LOG_CHARS, ForgeClient, escaped
from forges.contract import (
    CommitStatus,
    ForgeBranch,
    ForgeComment,
    ForgeIssue,
    ForgeRepository,
    ForgeToken,
    ForgeUser,
    GitAccess,
    Permission,
    PullRequest,
    PullReview,
    Reaction,
    StatusState,
    Subject,
)
from forges.rendering import key_of, marked

_STATES: Mapping[StatusState, str] = {
    "pending": "running",
    "success": "success",
    "failure": "failed",
    "error": "failed",
}
_REACTIONS = {"thumbsup": "+1", "thumbsdown": "-1", "tada": "hooray", "thinking": "confused", "laughing": "laugh"}
_WRITE, _ADMIN = 30, 40
"""Access levels of a developer and of a maintainer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLab:
    """See ``contract.Forge``."""

    client: ForgeClient
    kind: ClassVar[str] = "gitlab"

    @property
    def name(self) -> str:
        return self.client.name

    async def whoami(self) -> ForgeUser:
        return _user(await self.client.get("/user"))

    async def token(self) -> ForgeToken:
        user = await self.whoami()
        # Before GitLab 15.5, and for tokens that are no access tokens, there is no such page.
        raw = await self.client.find("/personal_access_tokens/self")
        if raw is None:
            return ForgeToken(user=user)
        # ``api`` is all of the API and git over HTTP.
        lacking = [] if "api" in raw["scopes"] else ["api"]
        ends = raw.get("expires_at")
        return ForgeToken(
            user=user,
            lacking={"deliver": lacking, "ci": lacking},
            # A day: the token ends at its beginning.
            expires_at=datetime.combine(date.fromisoformat(ends), time(tzinfo=UTC)) if ends else None,
        )

    async def repository(self, path: str) -> ForgeRepository:
        raw = await self.client.get(_project(path))
        return ForgeRepository(
            path=raw["path_with_namespace"],
            clone_url=raw["http_url_to_repo"],
            web_url=raw["web_url"],
            # An empty project has none.
            default_branch=raw["default_branch"] or "main",
            private=raw["visibility"] != "public",
            writable=_level(raw) >= _WRITE,
            parent=(raw.get("forked_from_project") or {}).get("path_with_namespace", ""),
        )

    async def access(self, path: str) -> GitAccess:
        return await self.client.git_access((await self.repository(path)).clone_url, "oauth2")

    async def branch(self, path: str, name: str) -> ForgeBranch | None:
        raw = await self.client.find(f"{_project(path)}/repository/branches/{escaped(name)}")
        if raw is None:
            return None
        return ForgeBranch(name=raw["name"], commit=raw["commit"]["id"], protected=raw["protected"])

    async def push_rules(self, path: str, branch: str) -> Sequence[str] | None:
        try:
            rules = await self.client.pages(f"{_project(path)}/protected_branches")
        except Missing:
            return None
        except Forbidden as error:
            # Many servers tell maintainers only.
            if error.stable_code != "forge_forbidden":
                raise
            return None
        return [f"protected branch {raw['name']}" for raw in rules if fnmatchcase(branch, _pattern(raw["name"]))]

    async def contains(self, path: str, branch: str, commit: str) -> bool:
        refs = {"refs[]": [branch, commit]}
        raw = await self.client.find(f"{_project(path)}/repository/merge_base", **refs)
        return raw is not None and raw["id"] == commit

    async def pull_request(self, path: str, number: int) -> PullRequest:
        return _pull(path, await self.client.get(f"{_project(path)}/merge_requests/{number}"))

    async def pull_request_of(self, path: str, head: str, *, fork: str = "") -> PullRequest | None:
        source = (await self.client.get(_project(fork)))["id"] if fork else None
        pulls = await self.client.get(
            f"{_project(path)}/merge_requests",
            source_branch=head,
            state="all",
            order_by="created_at",
            sort="desc",
            per_page=10,
        )
        ours = (raw for raw in pulls if raw["source_project_id"] == (source or raw["target_project_id"]))
        return next((_pull(path, raw) for raw in ours), None)

    async def open_pull_request(
        self, path: str, *, head: str, base: str, title: str, body: str, fork: str = ""
    ) -> PullRequest:
        fields = {"source_branch": head, "target_branch": base, "title": title, "description": body}
        if fork:
            # It is asked of the fork, which is told where to.
            fields["target_project_id"] = (await self.client.get(_project(path)))["id"]
        try:
            answer = await self.client.request("POST", f"{_project(fork or path)}/merge_requests", json=fields)
        except Conflict:
            # "Another open merge request already exists": of ours, before a crash or by another process.
            there = await self.pull_request_of(path, head, fork=fork)
            if there is None or there.state != "open":
                raise
            return there
        return _pull(path, answer.body)

    async def update_pull_request(
        self, path: str, number: int, *, title: str | None = None, body: str | None = None, close: bool = False
    ) -> PullRequest:
        fields = {"title": title, "description": body, "state_event": "close" if close else None}
        sent = {key: text for key, text in fields.items() if text is not None}
        answer = await self.client.request("PUT", f"{_project(path)}/merge_requests/{number}", json=sent)
        return _pull(path, answer.body)

    async def comment(self, path: str, subject: Subject, number: int, body: str, *, key: str = "") -> ForgeComment:
        notes = f"{_subject(path, subject, number)}/notes"
        there = await self._own(notes, key)
        if there is not None:
            answer = await self.client.request("PUT", f"{notes}/{there['id']}", json={"body": marked(body, key)})
        else:
            answer = await self.client.request("POST", notes, json={"body": marked(body, key)})
        return _comment(answer.body)

    async def reply(self, path: str, number: int, thread: str, body: str, *, key: str = "") -> ForgeComment:
        pull = _subject(path, "pull_request", number)
        there = await self._own(f"{pull}/notes", key)
        if there is not None:
            answer = await self.client.request("PUT", f"{pull}/notes/{there['id']}", json={"body": marked(body, key)})
        else:
            answer = await self.client.request(
                "POST", f"{pull}/discussions/{escaped(thread)}/notes", json={"body": marked(body, key)}
            )
        return _comment(answer.body, thread=thread)

    async def _own(self, notes: str, key: str) -> Any | None:
        if not key:
            return None
        ours = await self.whoami()
        there = await self.client.pages(notes, sort="asc", order_by="created_at")
        return next((raw for raw in there if str(raw["author"]["id"]) == ours.id and key_of(raw["body"]) == key), None)

    async def comments(self, path: str, subject: Subject, number: int) -> Sequence[ForgeComment]:
        # By discussion: only there stands what a reply has to name.
        talks = await self.client.pages(f"{_subject(path, subject, number)}/discussions")
        notes = [_comment(note, thread=talk["id"]) for talk in talks for note in talk["notes"] if not note["system"]]
        return sorted(notes, key=lambda each: each.created_at)

    async def reactions(self, path: str, subject: Subject, number: int, comment: ForgeComment) -> Sequence[Reaction]:
        raw = await self.client.pages(f"{_subject(path, subject, number)}/notes/{escaped(comment.id)}/award_emoji")
        return [
            Reaction(
                content=_REACTIONS.get(str(each["name"]), str(each["name"])),
                user=_user(each["user"]),
                created_at=datetime.fromisoformat(each["created_at"]),
            )
            for each in raw
        ]

    async def reviews(self, path: str, number: int) -> Sequence[PullReview]:
        raw = await self.client.get(f"{_subject(path, 'pull_request', number)}/approvals")
        return [PullReview(author=_user(each["user"]), verdict="approved") for each in raw["approved_by"]]

    async def issue(self, path: str, subject: Subject, number: int) -> ForgeIssue:
        return _issue(path, subject, await self.client.get(_subject(path, subject, number)))

    async def changed(self, path: str, since: datetime) -> Sequence[ForgeIssue]:
        entries: list[ForgeIssue] = []
        for subject in ("issue", "pull_request"):
            raw = await self.client.pages(
                f"{_project(path)}/{_PLURAL[subject]}",
                state="all",
                scope="all",
                order_by="updated_at",
                sort="asc",
                updated_after=since.astimezone(UTC).isoformat(),
            )
            entries += [_issue(path, subject, each) for each in raw]
        return sorted(entries, key=lambda each: each.updated_at)[:1_000]

    async def permission(self, path: str, user: ForgeUser) -> Permission:
        raw = await self.client.find(f"{_project(path)}/members/all/{escaped(user.id)}") if user.id else None
        level = raw["access_level"] if raw is not None and raw.get("state", "active") == "active" else 0
        return "admin" if level >= _ADMIN else "write" if level >= _WRITE else "read" if level > 0 else "none"

    async def set_status(self, path: str, commit: str, status: CommitStatus) -> None:
        fields = {"state": _STATES[status.state], "name": status.context, "description": status.description}
        try:
            await self.client.request(
                "POST",
                f"{_project(path)}/statuses/{escaped(commit)}",
                json=fields | ({"target_url": status.url} if status.url else {}),
            )
        except Conflict as error:
            # The status that it has already is an error of its state machine.
            if "Cannot transition status" not in error.message:
                raise

    async def failed_log(self, path: str, run: int) -> str:
        jobs = await self.client.pages(f"{_project(path)}/pipelines/{run}/jobs", **{"scope[]": "failed"})
        failed = [job for job in jobs if not job.get("allow_failure")]
        logs = [await self.client.text(f"{_project(path)}/jobs/{job['id']}/trace", LOG_CHARS) for job in failed]
        return "\n\n".join(f"{job['name']}\n{log}" for job, log in zip(failed, logs, strict=True))


_PLURAL: Mapping[Subject, str] = {"issue": "issues", "pull_request": "merge_requests"}


def _pattern(name: str) -> str:
    """A protected branch's name for ``fnmatch``: its only wildcard is ``*``."""
    return name.replace("[", "[[]").replace("?", "[?]")


def _project(path: str) -> str:
    return f"/projects/{escaped(path)}"


def _subject(path: str, subject: Subject, number: int) -> str:
    return f"{_project(path)}/{_PLURAL[subject]}/{number}"


def _level(project: Any) -> int:
    """What the token may do there; a forge that says nothing of it is believed when it refuses."""
    rights = project.get("permissions")
    if rights is None:
        return _WRITE
    levels = [each["access_level"] for each in (rights["project_access"], rights["group_access"]) if each]
    return max(levels, default=0)


def is_bot(login: str) -> bool:
    """Whether GitLab gave this name to a project's or a group's token: only some of its answers say so themselves."""
    return login.startswith(("project_", "group_")) and "_bot" in login


def _user(raw: Any) -> ForgeUser:
    login = raw["username"]
    return ForgeUser(login=login, id=str(raw["id"]), bot=bool(raw.get("bot")) or is_bot(login))


def _pull(path: str, raw: Any) -> PullRequest:
    state = raw["state"]
    return PullRequest(
        path=path,
        number=raw["iid"],
        url=raw["web_url"],
        title=raw["title"],
        body=raw["description"] or "",
        # ``locked``: it is being merged.
        state="merged" if state in {"merged", "locked"} else "open" if state == "opened" else "closed",
        head=raw["source_branch"],
        head_commit=raw.get("sha") or "",
        base=raw["target_branch"],
        author=_user(raw["author"]),
        foreign=raw["source_project_id"] != raw["target_project_id"],
    )


def _issue(path: str, subject: Subject, raw: Any) -> ForgeIssue:
    return ForgeIssue(
        path=path,
        number=raw["iid"],
        subject=subject,
        url=raw["web_url"],
        title=raw["title"],
        body=raw["description"] or "",
        open=raw["state"] == "opened",
        author=_user(raw["author"]),
        labels=tuple(raw["labels"]),
        updated_at=datetime.fromisoformat(raw["updated_at"]),
    )


def _comment(raw: Any, *, thread: str = "") -> ForgeComment:
    position = raw.get("position") or {}
    return ForgeComment(
        id=str(raw["id"]),
        author=_user(raw["author"]),
        body=raw["body"],
        created_at=datetime.fromisoformat(raw["created_at"]),
        updated_at=datetime.fromisoformat(raw["updated_at"]),
        review=raw.get("type") == "DiffNote",
        file=position.get("new_path") or position.get("old_path") or "",
        line=position.get("new_line") or position.get("old_line"),
        thread=thread,
    )
