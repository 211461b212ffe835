"""GitHub: its REST API (version 2022-11-28), as a token of a person or as an installation of an app.

https://docs.github.com/rest. Enterprise servers have the same below ``/api/v3``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar
from urllib.parse import quote

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
    Purpose,
    Reaction,
    Subject,
)
from forges.installation import InstallationToken
from forges.rendering import key_of, marked

HEADERS: Mapping[str, str] = {"accept": "application/vnd.github+json", "x-github-api-version": "2022-11-28"}
_REVIEWS = {
    "APPROVED": "approved",
    "CHANGES_REQUESTED": "changes_requested",
    "COMMENTED": "commented",
    "DISMISSED": "dismissed",
}
_KEEPS_OFF = frozenset(
    {"creation", "update", "pull_request", "required_signatures", "required_status_checks", "required_deployments"}
)
"""Rules of rulesets that refuse a push of a new commit, which nobody signed with a key and no check has seen."""
EXPIRES, SCOPES = "github-authentication-token-expiration", "x-oauth-scopes"
"""Headers of every answer: when a personal token ends, and what a classic one may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitHub:
    """See ``contract.Forge``."""

    client: ForgeClient
    app_slug: str = ""
    """Of the app whose installation this is; empty for a person's token."""
    installation: InstallationToken | None = None
    kind: ClassVar[str] = "github"

    @property
    def name(self) -> str:
        return self.client.name

    async def whoami(self) -> ForgeUser:
        # An installation is no user, and GitHub does not let it ask who it is.
        if self.app_slug:
            return _user(await self.client.get(f"/users/{escaped(f'{self.app_slug}[bot]')}"))
        return _user(await self.client.get("/user"))

    async def token(self) -> ForgeToken:
        if self.installation is not None:
            # Before the permissions are looked at: they come with a token.
            user = await self.whoami()
            return ForgeToken(user=user, lacking=self.installation.lacking())
        answer = await self.client.request("GET", "/user")
        scopes = answer.headers.get(SCOPES)
        return ForgeToken(
            user=_user(answer.body),
            lacking=None if scopes is None else _unscoped(scopes),
            expires_at=_expiry(answer.headers.get(EXPIRES, "")),
        )

    async def repository(self, path: str) -> ForgeRepository:
        raw = await self.client.get(f"/repos/{path}")
        return ForgeRepository(
            path=raw["full_name"],
            clone_url=raw["clone_url"],
            web_url=raw["html_url"],
            default_branch=raw["default_branch"],
            private=raw["private"],
            # Installations are told nothing about it: they may what the app may.
            writable=raw.get("permissions", {}).get("push", True),
            parent=(raw.get("parent") or {}).get("full_name", ""),
        )

    async def access(self, path: str) -> GitAccess:
        return await self.client.git_access((await self.repository(path)).clone_url, "x-access-token")

    async def branch(self, path: str, name: str) -> ForgeBranch | None:
        raw = await self.client.find(f"/repos/{path}/branches/{quote(name)}")
        if raw is None:
            return None
        return ForgeBranch(name=raw["name"], commit=raw["commit"]["sha"], protected=raw["protected"])

    async def push_rules(self, path: str, branch: str) -> Sequence[str] | None:
        try:
            rules = await self.client.pages(f"/repos/{path}/rules/branches/{quote(branch)}")
        except Missing:
            # Enterprise servers before 3.11 have no rulesets.
            return None
        except Forbidden as error:
            # Private repositories of a free plan have none either, and GitHub says so with 403.
            if error.stable_code != "forge_forbidden":
                raise
            return None
        return sorted({raw["type"] for raw in rules} & _KEEPS_OFF)

    async def contains(self, path: str, branch: str, commit: str) -> bool:
        raw = await self.client.find(f"/repos/{path}/compare/{quote(branch)}...{escaped(commit)}", per_page=1)
        return raw is not None and raw["status"] in {"identical", "behind"}

    async def pull_request(self, path: str, number: int) -> PullRequest:
        return _pull(path, await self.client.get(f"/repos/{path}/pulls/{number}"))

    async def pull_request_of(self, path: str, head: str, *, fork: str = "") -> PullRequest | None:
        pulls = await self.client.get(
            f"/repos/{path}/pulls",
            head=f"{_owner(fork or path)}:{head}",
            state="all",
            sort="created",
            direction="desc",
            per_page=10,
        )
        # Without an owner that it knows GitHub ignores the filter and lists them all.
        ours = (_pull(path, raw) for raw in pulls)
        source = (head, bool(fork), fork.lower())
        return next((pull for pull in ours if (pull.head, pull.foreign, pull.fork.lower()) == source), None)

    async def open_pull_request(
        self, path: str, *, head: str, base: str, title: str, body: str, fork: str = ""
    ) -> PullRequest:
        fields = {"title": title, "head": f"{_owner(fork)}:{head}" if fork else head, "base": base, "body": body}
        if fork and _owner(fork).lower() == _owner(path).lower():
            # The owner alone does not tell the two apart.
            fields["head_repo"] = fork.split("/", 1)[1]
        try:
            return _pull(path, (await self.client.request("POST", f"/repos/{path}/pulls", json=fields)).body)
        except Conflict:
            # "A pull request already exists": of ours, before a crash or by another process.
            there = await self.pull_request_of(path, head, fork=fork)
            if there is None or there.state != "open":
                raise
            return there

    async def update_pull_request(
        self, path: str, number: int, *, title: str | None = None, body: str | None = None, close: bool = False
    ) -> PullRequest:
        fields = {"title": title, "body": body, "state": "closed" if close else None}
        sent = {key: text for key, text in fields.items() if text is not None}
        return _pull(path, (await self.client.request("PATCH", f"/repos/{path}/pulls/{number}", json=sent)).body)

    async def comment(self, path: str, subject: Subject, number: int, body: str, *, key: str = "") -> ForgeComment:
        text = marked(body, key)
        there = await self._own(f"/repos/{path}/issues/{number}/comments", key)
        if there is not None:
            answer = await self.client.request(
                "PATCH", f"/repos/{path}/issues/comments/{there['id']}", json={"body": text}
            )
        else:
            answer = await self.client.request("POST", f"/repos/{path}/issues/{number}/comments", json={"body": text})
        return _comment(answer.body)

    async def reply(self, path: str, number: int, thread: str, body: str, *, key: str = "") -> ForgeComment:
        text = marked(body, key)
        there = await self._own(f"/repos/{path}/pulls/{number}/comments", key)
        if there is not None:
            answer = await self.client.request(
                "PATCH", f"/repos/{path}/pulls/comments/{there['id']}", json={"body": text}
            )
        else:
            answer = await self.client.request(
                "POST", f"/repos/{path}/pulls/{number}/comments/{escaped(thread)}/replies", json={"body": text}
            )
        return _comment(answer.body, review=True)

    async def _own(self, path: str, key: str) -> Any | None:
        if not key:
            return None
        ours = await self.whoami()
        there = await self.client.pages(path)
        return next(
            (raw for raw in there if _user(raw["user"]).id == ours.id and key_of(raw["body"] or "") == key), None
        )

    async def comments(self, path: str, subject: Subject, number: int) -> Sequence[ForgeComment]:
        about = [_comment(raw) for raw in await self.client.pages(f"/repos/{path}/issues/{number}/comments")]
        if subject == "pull_request":
            lines = await self.client.pages(f"/repos/{path}/pulls/{number}/comments")
            about += [_comment(raw, review=True) for raw in lines]
        return sorted(about, key=lambda each: each.created_at)

    async def reactions(self, path: str, subject: Subject, number: int, comment: ForgeComment) -> Sequence[Reaction]:
        kind = "pulls" if comment.review else "issues"
        raw = await self.client.pages(f"/repos/{path}/{kind}/comments/{escaped(comment.id)}/reactions")
        return [
            Reaction(content=each["content"], user=_user(each["user"]), created_at=_time(each["created_at"]))
            for each in raw
        ]

    async def reviews(self, path: str, number: int) -> Sequence[PullReview]:
        raw = await self.client.pages(f"/repos/{path}/pulls/{number}/reviews")
        return [
            PullReview(
                author=_user(each["user"]),
                verdict=_REVIEWS[each["state"]],  # pyright: ignore[reportArgumentType]
                body=each["body"] or "",
                commit=each.get("commit_id") or "",
                submitted_at=_time(each["submitted_at"]),
            )
            for each in raw
            if each["state"] in _REVIEWS
        ]

    async def issue(self, path: str, subject: Subject, number: int) -> ForgeIssue:
        return _issue(path, await self.client.get(f"/repos/{path}/issues/{number}"))

    async def changed(self, path: str, since: datetime) -> Sequence[ForgeIssue]:
        raw = await self.client.pages(
            f"/repos/{path}/issues",
            state="all",
            sort="updated",
            direction="asc",
            since=since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        )
        return [_issue(path, each) for each in raw]

    async def permission(self, path: str, user: ForgeUser) -> Permission:
        raw = await self.client.find(f"/repos/{path}/collaborators/{escaped(user.login)}/permission")
        named = raw["permission"] if raw is not None else "none"
        return named if named in {"none", "read", "write", "admin"} else "none"

    async def set_status(self, path: str, commit: str, status: CommitStatus) -> None:
        fields = {"state": status.state, "context": status.context, "description": status.description}
        await self.client.request(
            "POST",
            f"/repos/{path}/statuses/{escaped(commit)}",
            json=fields | ({"target_url": status.url} if status.url else {}),
        )
        # GitHub takes check runs from apps alone; a person's token has the commit status only.
        if self.installation is not None and self.installation.permissions.get("checks") == "write":
            await self._show_check(path, commit, status)

    async def _show_check(self, path: str, commit: str, status: CommitStatus) -> None:
        """Bring the check run of this name up to date; one that is completed stays, and a newer one replaces it."""
        listed = await self.client.get(
            f"/repos/{path}/commits/{escaped(commit)}/check-runs", check_name=status.context, filter="latest"
        )
        ours = (raw for raw in listed["check_runs"] if (raw.get("app") or {}).get("slug") == self.app_slug)
        newest = next(ours, None)
        summary = status.summary or status.description
        shown: dict[str, Any] = {
            "status": "in_progress" if status.state == "pending" else "completed",
            "output": {"title": status.description or status.state, "summary": summary},
        }
        if status.state != "pending":
            shown["conclusion"] = "success" if status.state == "success" else "failure"
        if status.url:
            shown["details_url"] = status.url
        if newest is not None and newest["status"] != "completed":
            await self.client.request("PATCH", f"/repos/{path}/check-runs/{newest['id']}", json=shown)
        elif newest is None or (newest["conclusion"], newest["output"]["title"]) != (
            shown.get("conclusion"),
            shown["output"]["title"],
        ):
            fields = {"name": status.context, "head_sha": commit, **shown}
            await self.client.request("POST", f"/repos/{path}/check-runs", json=fields)

    async def failed_log(self, path: str, run: int) -> str:
        jobs = (await self.client.get(f"/repos/{path}/actions/runs/{run}/jobs", filter="latest", per_page=100))["jobs"]
        failed = [job for job in jobs if job["conclusion"] == "failure"]
        logs = [await self.client.text(f"/repos/{path}/actions/jobs/{job['id']}/logs", LOG_CHARS) for job in failed]
        return "\n\n".join(f"{job['name']}\n{log}" for job, log in zip(failed, logs, strict=True))


def _unscoped(scopes: str) -> Mapping[Purpose, Sequence[str]]:
    """What a classic token has not: ``repo`` covers everything, ``public_repo`` the same where all may read."""
    enough = {"repo", "public_repo"} & {scope.strip() for scope in scopes.split(",")}
    lacking: Sequence[str] = [] if enough else ["repo"]
    return {"deliver": lacking, "ci": lacking}


def _expiry(header: str) -> datetime | None:
    """``2026-12-31 23:59:59 UTC``; some answers name an offset instead. None: it says nothing that is understood."""
    try:
        at = datetime.fromisoformat(header.replace(" UTC", "+00:00").replace(" +", "+").replace(" -", "-"))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _user(raw: Any) -> ForgeUser:
    # Whose account is gone is ``ghost`` on the page, and null here.
    if not raw:
        return ForgeUser(login="ghost")
    return ForgeUser(login=raw["login"], id=str(raw["id"]), bot=raw.get("type") == "Bot")


def _owner(path: str) -> str:
    return path.split("/", 1)[0]


def _pull(path: str, raw: Any) -> PullRequest:
    head = raw["head"]
    # A fork that was deleted is null.
    source = (head.get("repo") or {}).get("full_name", "")
    foreign = source.lower() != raw["base"]["repo"]["full_name"].lower()
    return PullRequest(
        path=path,
        number=raw["number"],
        url=raw["html_url"],
        title=raw["title"],
        body=raw["body"] or "",
        state="merged" if raw.get("merged_at") else "open" if raw["state"] == "open" else "closed",
        head=head["ref"],
        head_commit=head["sha"],
        base=raw["base"]["ref"],
        author=_user(raw["user"]),
        foreign=foreign,
        fork=source if foreign else "",
    )


def _issue(path: str, raw: Any) -> ForgeIssue:
    labels = raw["labels"]
    return ForgeIssue(
        path=path,
        number=raw["number"],
        subject="pull_request" if raw.get("pull_request") else "issue",
        url=raw["html_url"],
        title=raw["title"],
        body=raw["body"] or "",
        open=raw["state"] == "open",
        author=_user(raw["user"]),
        labels=tuple(str(each["name"] if isinstance(each, dict) else each) for each in labels),
        updated_at=_time(raw["updated_at"]),
    )


def _comment(raw: Any, *, review: bool = False) -> ForgeComment:
    return ForgeComment(
        id=str(raw["id"]),
        url=raw["html_url"],
        author=_user(raw["user"]),
        body=raw["body"] or "",
        created_at=_time(raw["created_at"]),
        updated_at=_time(raw["updated_at"]),
        review=review,
        file=raw.get("path") or "",
        line=raw.get("line") or raw.get("original_line"),
        thread=str(raw.get("in_reply_to_id") or raw["id"]) if review else "",
    )
