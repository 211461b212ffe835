"""Answers of GitHub's REST API, version 2022-11-28, as its description has them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from forges import CommitStatus, ForgeComment, ForgeIssue, ForgeUser, PullRequest, TwinForge
from tests.worlds.forge_wire import ANN, Request, Response, Route, edited, known, page


def _owner(pull: PullRequest) -> str:
    return (pull.fork or pull.path).split("/", maxsplit=1)[0]


def _head_repo(pull: PullRequest) -> Any:
    """Null where the fork is gone."""
    return {"full_name": pull.fork or pull.path} if pull.fork or not pull.foreign else None


@dataclass(slots=True)
class GitHubShapes:
    """Answers as GitHub's REST description (2022-11-28) has them."""

    server: Any

    def routes(self) -> list[Route]:
        repo = r"/repos/([^/]+/[^/]+)"
        return [
            ("GET", r"/user", self.me),
            ("GET", r"/users/([^/]+)", self.named),
            ("GET", repo, self.repository),
            ("GET", rf"{repo}/branches/(.+)", self.branch),
            ("GET", rf"{repo}/rules/branches/(.+)", self.rules),
            ("GET", rf"{repo}/compare/(.+)\.\.\.([0-9a-f]+)", self.compare),
            ("GET", rf"{repo}/pulls", self.pulls),
            ("POST", rf"{repo}/pulls", self.open),
            ("GET", rf"{repo}/pulls/(\d+)", self.pull),
            ("PATCH", rf"{repo}/pulls/(\d+)", self.update),
            ("GET", rf"{repo}/issues", self.changed),
            ("GET", rf"{repo}/issues/(\d+)", self.issue),
            ("GET", rf"{repo}/issues/(\d+)/comments", self.comments),
            ("POST", rf"{repo}/issues/(\d+)/comments", self.write),
            ("PATCH", rf"{repo}/(?:issues|pulls)/comments/(\d+)", self.edit),
            ("GET", rf"{repo}/pulls/(\d+)/comments", self.review_comments),
            ("POST", rf"{repo}/pulls/(\d+)/comments/(\d+)/replies", self.reply),
            ("GET", rf"{repo}/(?:issues|pulls)/comments/(\d+)/reactions", self.reactions),
            ("GET", rf"{repo}/pulls/(\d+)/reviews", self.reviews),
            ("GET", rf"{repo}/collaborators/([^/]+)/permission", self.permission),
            ("POST", rf"{repo}/statuses/([0-9a-f]+)", self.status),
            ("GET", rf"{repo}/commits/([0-9a-f]+)/check-runs", self.checks),
            ("POST", rf"{repo}/check-runs", self.add_check),
            ("PATCH", rf"{repo}/check-runs/(\d+)", self.update_check),
            ("GET", rf"{repo}/actions/runs/(\d+)/jobs", self.jobs),
            ("GET", rf"{repo}/actions/jobs/(\d+)/logs", self.log),
        ]

    @property
    def twin(self) -> TwinForge:
        return self.server.twin

    def user(self, who: ForgeUser) -> Any:
        url = f"{self.server.api}/users/{who.login}"
        names = (
            "avatar_url followers_url following_url gists_url starred_url subscriptions_url organizations_url "
            "repos_url events_url received_events_url"
        )
        return {
            "login": who.login,
            "id": int(who.id or 0),
            "node_id": f"U_{who.id}",
            "gravatar_id": "",
            "url": url,
            "html_url": f"{self.server.url}/{who.login}",
            "type": "Bot" if who.bot else "User",
            "site_admin": False,
            **{name: f"{url}/{name}" for name in names.split()},
        }

    async def me(self, _: Request) -> Response:
        if self.server.app_key:
            return Response(403, {"message": "Resource not accessible by integration"})
        headers: dict[str, str] = {}
        if self.server.scopes is not None:
            headers["x-oauth-scopes"] = self.server.scopes
        if self.twin.expires_at is not None:
            headers["github-authentication-token-expiration"] = f"{self.twin.expires_at:%Y-%m-%d %H:%M:%S} UTC"
        return Response(200, self.user(self.twin.user), headers)

    async def named(self, _: Request, login: str) -> Response:
        if login != self.twin.user.login:
            return Response(404, {"message": "Not Found"})
        return Response(200, self.user(self.twin.user))

    async def repository(self, _: Request, path: str) -> Response:
        raw = await self.twin.repository(path)
        return Response(
            200,
            {
                "id": 1,
                "node_id": "R_1",
                "name": path.split("/")[1],
                "full_name": raw.path,
                "owner": self.user(ForgeUser(login=path.split("/", maxsplit=1)[0], id="2")),
                "private": raw.private,
                "html_url": f"{self.server.url}/{path}",
                "clone_url": self.server.clone_url(path),
                "default_branch": raw.default_branch,
                "permissions": {"admin": False, "push": raw.writable, "pull": True},
                "fork": bool(raw.parent),
                **({"parent": {"full_name": raw.parent}} if raw.parent else {}),
            },
        )

    async def branch(self, _: Request, path: str, name: str) -> Response:
        there = await self.twin.branch(path, name)
        if there is None:
            return Response(404, {"message": "Branch not found"})
        return Response(
            200, {"name": there.name, "commit": {"sha": there.commit}, "protected": there.protected, "_links": {}}
        )

    async def rules(self, request: Request, path: str, name: str) -> Response:
        if self.server.rules_hidden:
            return Response(404, {"message": "Not Found"})
        kinds = [*(await self.twin.push_rules(path, name) or ()), "non_fast_forward"]
        source = {"ruleset_source_type": "Repository", "ruleset_source": path, "ruleset_id": 42}
        return Response(200, page(request, [{"type": kind, **source} for kind in kinds]))

    async def compare(self, _: Request, path: str, base: str, commit: str) -> Response:
        if base not in self.server.branches(path) or not known(self.server, path, commit):
            return Response(404, {"message": "Not Found"})
        tip = self.server.branches(path)[base]
        inside = await self.twin.contains(path, base, commit)
        return Response(
            200, {"status": "identical" if tip == commit else "behind" if inside else "ahead", "commits": []}
        )

    def as_pull(self, pull: PullRequest) -> Any:
        repo = {"full_name": pull.path}
        return {
            "id": pull.number,
            "number": pull.number,
            "url": f"{self.server.api}/repos/{pull.path}/pulls/{pull.number}",
            "html_url": f"{self.server.url}/{pull.path}/pull/{pull.number}",
            "title": pull.title,
            "body": pull.body or None,
            "state": "open" if pull.state == "open" else "closed",
            "merged_at": "2026-01-02T03:04:05Z" if pull.state == "merged" else None,
            "user": self.user(pull.author),
            "head": {"ref": pull.head, "sha": pull.head_commit, "repo": _head_repo(pull)},
            "base": {"ref": pull.base, "sha": "0" * 40, "repo": repo},
        }

    async def pulls(self, request: Request, path: str) -> Response:
        owner, _, head = request.one("head").partition(":")
        known_owner = any(owner == each.split("/", maxsplit=1)[0] for each in self.twin.repositories)
        mine = [await self.twin.pull_request(path, n) for of, n in reversed(self.twin.pulls) if of == path]
        return Response(
            200, [self.as_pull(pull) for pull in mine if not known_owner or (pull.head, _owner(pull)) == (head, owner)]
        )

    async def open(self, request: Request, path: str) -> Response:
        sent = request.json
        owner, _, head = sent["head"].rpartition(":")
        forks = (each.path for each in self.twin.repositories.values() if each.parent == path)
        fork = next((each for each in forks if owner and each.split("/", maxsplit=1)[0] == owner), "")
        if owner and not fork:
            return Response(422, {"message": "Validation Failed", "errors": [{"field": "head", "code": "invalid"}]})
        there = await self.twin.pull_request_of(path, head, fork=fork)
        if there is not None and there.state == "open":
            words = f"A pull request already exists for {path.split('/', maxsplit=1)[0]}:{sent['head']}."
            errors = [{"resource": "PullRequest", "code": "custom", "message": words}]
            return Response(422, {"message": "Validation Failed", "errors": errors})
        pull = await self.twin.open_pull_request(
            path, head=head, base=sent["base"], title=sent["title"], body=sent["body"], fork=fork
        )
        return Response(201, self.as_pull(pull))

    async def pull(self, _: Request, path: str, number: str) -> Response:
        return Response(200, self.as_pull(await self.twin.pull_request(path, int(number))))

    async def update(self, request: Request, path: str, number: str) -> Response:
        sent = request.json
        pull = await self.twin.update_pull_request(
            path, int(number), title=sent.get("title"), body=sent.get("body"), close=sent.get("state") == "closed"
        )
        return Response(200, self.as_pull(pull))

    def as_issue(self, issue: ForgeIssue) -> Any:
        return {
            "id": issue.number,
            "number": issue.number,
            "html_url": f"{self.server.url}/{issue.path}/issues/{issue.number}",
            "title": issue.title,
            "body": issue.body or None,
            "state": "open" if issue.open else "closed",
            "user": self.user(issue.author),
            "labels": [{"id": 1, "name": name, "color": "ededed"} for name in issue.labels],
            "updated_at": issue.updated_at.isoformat(),
            **({"pull_request": {"url": ""}} if issue.subject == "pull_request" else {}),
        }

    async def issue(self, _: Request, path: str, number: str) -> Response:
        return Response(200, self.as_issue(await self.twin.issue(path, "issue", int(number))))

    async def changed(self, request: Request, path: str) -> Response:
        all_ = await self.twin.changed(path, datetime.fromisoformat(request.one("since")))
        return Response(200, page(request, [self.as_issue(each) for each in all_]))

    def as_comment(self, comment: ForgeComment) -> Any:
        common = {
            "id": int(comment.id),
            "node_id": f"C_{comment.id}",
            "url": f"{self.server.api}/comments/{comment.id}",
            "html_url": comment.url,
            "body": comment.body,
            "user": self.user(comment.author),
            "created_at": comment.created_at.isoformat(),
            "updated_at": comment.updated_at.isoformat(),
        }
        if not comment.review:
            return common
        reply = {"in_reply_to_id": int(comment.thread)} if comment.thread != comment.id else {}
        return {**common, **reply, "path": comment.file, "line": comment.line, "diff_hunk": "@@", "commit_id": "0" * 40}

    def talk(self, path: str, number: str) -> list[ForgeComment]:
        both = [self.twin.notes.get((path, subject, int(number)), []) for subject in ("issue", "pull_request")]
        return [comment for part in both for comment in part]

    async def comments(self, request: Request, path: str, number: str) -> Response:
        await self.twin.issue(path, "issue", int(number))
        shown = [self.as_comment(each) for each in self.talk(path, number) if not each.review]
        return Response(200, page(request, shown))

    async def review_comments(self, request: Request, path: str, number: str) -> Response:
        shown = [self.as_comment(each) for each in self.talk(path, number) if each.review]
        return Response(200, page(request, shown))

    async def write(self, request: Request, path: str, number: str) -> Response:
        subject = (await self.twin.issue(path, "issue", int(number))).subject
        comment = self.twin.add_comment(path, subject, int(number), self.twin.user, request.json["body"])
        return Response(201, self.as_comment(comment))

    async def edit(self, request: Request, path: str, id_: str) -> Response:
        return edited(self.twin, path, id_, request.json["body"], self.as_comment)

    async def reply(self, request: Request, path: str, number: str, thread: str) -> Response:
        comment = self.twin.add_comment(
            path, "pull_request", int(number), self.twin.user, request.json["body"], thread=thread
        )
        return Response(201, self.as_comment(comment))

    async def reactions(self, request: Request, path: str, id_: str) -> Response:
        awards = self.twin.awards.get(id_, [])
        shown = [
            {
                "id": at,
                "node_id": "",
                "user": self.user(each.user),
                "content": each.content,
                "created_at": (each.created_at or self.twin.clock()).isoformat(),
            }
            for at, each in enumerate(awards)
        ]
        return Response(200, page(request, shown))

    async def reviews(self, request: Request, path: str, number: str) -> Response:
        names = {"approved": "APPROVED", "changes_requested": "CHANGES_REQUESTED", "commented": "COMMENTED"}
        shown = [
            {
                "id": at,
                "user": self.user(each.author),
                "body": each.body,
                "state": names[each.verdict],
                "commit_id": each.commit,
                "submitted_at": (each.submitted_at or self.twin.clock()).isoformat(),
            }
            for at, each in enumerate(await self.twin.reviews(path, int(number)))
        ]
        pending = {"id": 99, "user": self.user(ANN), "body": "", "state": "PENDING", "commit_id": None}
        return Response(200, page(request, [*shown, pending]))

    async def permission(self, _: Request, path: str, login: str) -> Response:
        rights = {user: right for (of, user), right in self.twin.rights.items() if of == path}
        named = next((right for user, right in rights.items() if user == ANN.id and login == ANN.login), "none")
        return Response(200, {"permission": named, "role_name": named, "user": self.user(ANN)})

    async def status(self, request: Request, path: str, commit: str) -> Response:
        sent = request.json
        status = CommitStatus(
            state=sent["state"],
            context=sent["context"],
            description=sent["description"],
            url=sent.get("target_url", ""),
        )
        await self.twin.set_status(path, commit, status)
        return Response(201, {"id": 1, "state": sent["state"], "context": sent["context"]})

    def ensure_checks(self) -> Response | None:
        """Only apps may, and only with the permission."""
        if not self.server.app_key:
            return Response(403, {"message": "You must authenticate via a GitHub App."})
        if self.server.permissions.get("checks") != "write":
            return Response(403, {"message": "Resource not accessible by integration"})
        return None

    def as_check(self, sent: Any) -> Any:
        slug = self.twin.user.login.removesuffix("[bot]")
        return {
            "conclusion": None,
            "details_url": None,
            "external_id": "",
            "pull_requests": [],
            **sent,
            "app": {"id": 12, "slug": slug, "name": slug},
        }

    async def checks(self, request: Request, _path: str, commit: str) -> Response:
        runs = [each for each in self.server.checks if each["head_sha"] == commit]
        name = request.one("check_name")
        newest = {(each["name"], each["app"]["slug"]): each for each in runs if not name or each["name"] == name}
        shown = list(newest.values()) if request.one("filter", "latest") == "latest" else runs
        return Response(200, {"total_count": len(shown), "check_runs": page(request, shown)})

    async def add_check(self, request: Request, path: str) -> Response:
        if (refused := self.ensure_checks()) is not None:
            return refused
        sent = request.json
        if not known(self.server, path, sent["head_sha"]):
            return Response(422, {"message": f"No commit found for SHA: {sent['head_sha']}"})
        self.server.checks.append(self.as_check({"id": len(self.server.checks) + 1, **sent}))
        return Response(201, self.server.checks[-1])

    async def update_check(self, request: Request, _path: str, id_: str) -> Response:
        if (refused := self.ensure_checks()) is not None:
            return refused
        for at, run in enumerate(self.server.checks):
            if run["id"] == int(id_):
                self.server.checks[at] = {**run, **request.json}
                return Response(200, self.server.checks[at])
        return Response(404, {"message": "Not Found"})

    async def jobs(self, _: Request, path: str, run: str) -> Response:
        await self.twin.failed_log(path, int(run))
        jobs = [
            {"id": 1, "name": "lint", "conclusion": "success"},
            {"id": int(run), "name": "test", "conclusion": "failure"},
        ]
        return Response(200, {"total_count": 2, "jobs": jobs})

    async def log(self, request: Request, path: str, job: str) -> Response:
        return Response(302, b"", {"location": f"{self.server.url}/logs/{path}/{job}"})
