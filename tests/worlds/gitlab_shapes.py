"""Answers of GitLab's REST API v4, as its documentation has them."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from forges import CommitStatus, ForgeComment, ForgeIssue, ForgeUser, PullRequest, TwinForge
from tests.worlds.forge_wire import ANN, Request, Response, Route, edited, known, note, page


@dataclass(slots=True)
class GitLabShapes:
    """Answers as GitLab's REST API v4 documentation has them."""

    server: Any

    def routes(self) -> list[Route]:
        project, subject = r"/projects/([^/]+)", r"/projects/([^/]+)/(issues|merge_requests)/(\d+)"
        return [
            ("GET", r"/user", self.me),
            ("GET", r"/personal_access_tokens/self", self.token),
            ("GET", project, self.project),
            ("GET", rf"{project}/repository/branches/([^/]+)", self.branch),
            ("GET", rf"{project}/protected_branches", self.protected),
            ("GET", rf"{project}/repository/merge_base", self.merge_base),
            ("GET", rf"{project}/merge_requests", self.pulls),
            ("POST", rf"{project}/merge_requests", self.open),
            ("GET", rf"{project}/issues", self.changed),
            ("GET", subject, self.subject),
            ("PUT", rf"{project}/merge_requests/(\d+)", self.update),
            ("GET", rf"{subject}/notes", self.notes),
            ("POST", rf"{subject}/notes", self.write),
            ("PUT", rf"{subject}/notes/(\d+)", self.edit),
            ("GET", rf"{subject}/notes/(\d+)/award_emoji", self.awards),
            ("GET", rf"{subject}/discussions", self.discussions),
            ("POST", rf"{project}/merge_requests/(\d+)/discussions/([^/]+)/notes", self.reply),
            ("GET", rf"{project}/merge_requests/(\d+)/approvals", self.approvals),
            ("GET", rf"{project}/members/all/(\d+)", self.member),
            ("POST", rf"{project}/statuses/([0-9a-f]+)", self.status),
            ("GET", rf"{project}/pipelines/(\d+)/jobs", self.jobs),
            ("GET", rf"{project}/jobs/(\d+)/trace", self.trace),
        ]

    @property
    def twin(self) -> TwinForge:
        return self.server.twin

    def user(self, who: ForgeUser) -> Any:
        return {
            "id": int(who.id or 0),
            "username": who.login,
            "name": who.login.title(),
            "state": "active",
            "avatar_url": None,
            "web_url": f"{self.server.url}/{who.login}",
            **({"bot": True} if who.bot else {}),
        }

    async def me(self, _: Request) -> Response:
        return Response(200, self.user(self.twin.user))

    async def token(self, _: Request) -> Response:
        if self.server.scopes is None:
            return Response(404, {"message": "404 Not Found"})
        ends = self.twin.expires_at
        return Response(
            200,
            {
                "id": 4,
                "name": "signoff",
                "revoked": False,
                "created_at": "2026-07-23T14:31:47.729Z",
                "description": None,
                "scopes": self.server.scopes.split(),
                "user_id": int(self.twin.user.id),
                "last_used_at": None,
                "active": True,
                "expires_at": ends and f"{ends:%Y-%m-%d}",
            },
        )

    async def protected(self, request: Request, path: str) -> Response:
        await self.twin.repository(path)
        if self.server.rules_hidden:
            return Response(403, {"message": "403 Forbidden"})
        levels = [{"id": 1, "access_level": 40, "access_level_description": "Maintainers"}]
        shown = [
            {
                "id": at,
                "name": name,
                "push_access_levels": levels,
                "merge_access_levels": levels,
                "allow_force_push": False,
            }
            for at, name in enumerate(self.twin.rules.get(path, {}), 1)
        ]
        return Response(200, page(request, shown))

    async def project(self, _: Request, path: str) -> Response:
        raw = await self.twin.repository(path)
        access = {"access_level": 30 if raw.writable else 20, "notification_level": 3}
        return Response(
            200,
            {
                "id": self.id_of(path),
                "path_with_namespace": raw.path,
                **({"forked_from_project": {"path_with_namespace": raw.parent}} if raw.parent else {}),
                "http_url_to_repo": self.server.clone_url(path),
                "web_url": f"{self.server.url}/{path}",
                "default_branch": raw.default_branch,
                "visibility": "private" if raw.private else "public",
                "permissions": {"project_access": access, "group_access": None},
            },
        )

    def id_of(self, path: str) -> int:
        return [*self.twin.repositories].index(path) + 1

    async def branch(self, _: Request, path: str, name: str) -> Response:
        there = await self.twin.branch(path, name)
        if there is None:
            return Response(404, {"message": "404 Branch Not Found"})
        return Response(
            200, {"name": there.name, "commit": {"id": there.commit}, "protected": there.protected, "default": False}
        )

    async def merge_base(self, request: Request, path: str) -> Response:
        base, commit = request.query["refs[]"]
        if not known(self.server, path, commit):
            return Response(404, {"message": "404 Commit Not Found"})
        inside = await self.twin.contains(path, base, commit)
        return Response(200, {"id": commit if inside else "0" * 40})

    def as_pull(self, pull: PullRequest) -> Any:
        state = {"open": "opened", "closed": "closed", "merged": "merged"}[pull.state]
        return {
            "id": 100 + pull.number,
            "iid": pull.number,
            "project_id": self.id_of(pull.path),
            "title": pull.title,
            "description": pull.body or None,
            "state": state,
            "web_url": f"{self.server.url}/{pull.path}/-/merge_requests/{pull.number}",
            "source_branch": pull.head,
            "target_branch": pull.base,
            "sha": pull.head_commit,
            "author": self.user(pull.author),
            # One that is gone has a number that no project has.
            "source_project_id": self.id_of(pull.fork or pull.path) if pull.fork or not pull.foreign else 999,
            "target_project_id": self.id_of(pull.path),
            "labels": [],
            "updated_at": self.twin.clock().isoformat(),
        }

    async def pulls(self, request: Request, path: str) -> Response:
        mine = [await self.twin.pull_request(path, n) for of, n in reversed(self.twin.pulls) if of == path]
        head = request.one("source_branch")
        return Response(200, page(request, [self.as_pull(pull) for pull in mine if not head or pull.head == head]))

    async def open(self, request: Request, path: str) -> Response:
        sent = request.json
        fork = ""
        if (target := sent.get("target_project_id")) is not None:
            fork, path = path, [*self.twin.repositories][target - 1]
        there = await self.twin.pull_request_of(path, sent["source_branch"], fork=fork)
        if there is not None and there.state == "open":
            return Response(
                409, {"message": [f"Another open merge request already exists for this source branch: !{there.number}"]}
            )
        pull = await self.twin.open_pull_request(
            path,
            head=sent["source_branch"],
            base=sent["target_branch"],
            title=sent["title"],
            body=sent["description"],
            fork=fork,
        )
        return Response(201, self.as_pull(pull))

    async def update(self, request: Request, path: str, number: str) -> Response:
        sent = request.json
        pull = await self.twin.update_pull_request(
            path,
            int(number),
            title=sent.get("title"),
            body=sent.get("description"),
            close=sent.get("state_event") == "close",
        )
        return Response(200, self.as_pull(pull))

    def as_issue(self, issue: ForgeIssue) -> Any:
        return {
            "id": 200 + issue.number,
            "iid": issue.number,
            "project_id": 1,
            "title": issue.title,
            "description": issue.body or None,
            "state": "opened" if issue.open else "closed",
            "web_url": f"{self.server.url}/{issue.path}/-/issues/{issue.number}",
            "author": self.user(issue.author),
            "labels": list(issue.labels),
            "updated_at": issue.updated_at.isoformat(),
        }

    async def subject(self, _: Request, path: str, plural: str, number: str) -> Response:
        if plural == "merge_requests":
            return Response(200, self.as_pull(await self.twin.pull_request(path, int(number))))
        return Response(200, self.as_issue(await self.twin.issue(path, "issue", int(number))))

    async def changed(self, request: Request, path: str) -> Response:
        all_ = await self.twin.changed(path, datetime.fromisoformat(request.one("updated_after")))
        return Response(200, page(request, [self.as_issue(each) for each in all_ if each.subject == "issue"]))

    def as_note(self, comment: ForgeComment) -> Any:
        position = {"new_path": comment.file, "new_line": comment.line, "old_path": comment.file, "old_line": None}
        return {
            "id": int(comment.id),
            "type": "DiffNote" if comment.review else None,
            "body": comment.body,
            "author": self.user(comment.author),
            "created_at": comment.created_at.isoformat(),
            "updated_at": comment.updated_at.isoformat(),
            "system": False,
            "resolvable": comment.review,
            **({"position": position} if comment.review else {}),
        }

    def talk(self, path: str, plural: str, number: str) -> list[ForgeComment]:
        subject = "issue" if plural == "issues" else "pull_request"
        return self.twin.notes.get((path, subject, int(number)), [])

    async def notes(self, request: Request, path: str, plural: str, number: str) -> Response:
        return Response(200, page(request, [self.as_note(each) for each in self.talk(path, plural, number)]))

    async def write(self, request: Request, path: str, plural: str, number: str) -> Response:
        subject = "issue" if plural == "issues" else "pull_request"
        await self.twin.issue(path, subject, int(number))
        comment = self.twin.add_comment(path, subject, int(number), self.twin.user, request.json["body"])
        return Response(201, self.as_note(comment))

    async def edit(self, request: Request, path: str, _plural: str, _number: str, id_: str) -> Response:
        return edited(self.twin, path, id_, request.json["body"], self.as_note)

    async def awards(self, request: Request, _path: str, _plural: str, _number: str, id_: str) -> Response:
        names = {"+1": "thumbsup", "-1": "thumbsdown"}
        shown = [
            {
                "id": at,
                "name": names.get(each.content, each.content),
                "user": self.user(each.user),
                "created_at": (each.created_at or self.twin.clock()).isoformat(),
                "awardable_id": int(id_),
                "awardable_type": "Note",
            }
            for at, each in enumerate(self.twin.awards.get(id_, []))
        ]
        return Response(200, page(request, shown))

    async def discussions(self, request: Request, path: str, plural: str, number: str) -> Response:
        talks: dict[str, list[Any]] = {}
        for comment in self.talk(path, plural, number):
            talks.setdefault(comment.thread or f"single-{comment.id}", []).append(self.as_note(comment))
        moved = {"id": "s", "individual_note": True, "notes": [{**note(talks), "system": True}]} if talks else None
        shown = [{"id": id_, "individual_note": len(notes) == 1, "notes": notes} for id_, notes in talks.items()]
        return Response(200, page(request, [*shown, *([moved] if moved else [])]))

    async def reply(self, request: Request, path: str, number: str, thread: str) -> Response:
        comment = self.twin.add_comment(
            path, "pull_request", int(number), self.twin.user, request.json["body"], thread=thread
        )
        return Response(201, self.as_note(comment))

    async def approvals(self, _: Request, path: str, number: str) -> Response:
        votes = [each for each in await self.twin.reviews(path, int(number)) if each.verdict == "approved"]
        return Response(200, {"iid": int(number), "approved_by": [{"user": self.user(each.author)} for each in votes]})

    async def member(self, _: Request, path: str, id_: str) -> Response:
        right = self.twin.rights.get((path, id_))
        if right is None:
            return Response(404, {"message": "404 Not found"})
        level = {"none": 0, "read": 20, "write": 30, "admin": 40}[right]
        return Response(200, {**self.user(ANN), "access_level": level, "membership_state": "active"})

    async def status(self, request: Request, path: str, commit: str) -> Response:
        sent = request.json
        states: Any = {"running": "pending", "success": "success", "failed": "failure"}
        before = self.twin.statuses.get((path, commit), [])
        if before and before[-1].context == sent["name"] and before[-1].state == states[sent["state"]]:
            words = f"Cannot transition status via :run from :{sent['state']} (Reason(s): Status cannot transition)"
            return Response(400, {"message": words})
        status = CommitStatus(
            state=states[sent["state"]],
            context=sent["name"],
            description=sent["description"],
            url=sent.get("target_url", ""),
        )
        await self.twin.set_status(path, commit, status)
        return Response(201, {"id": 1, "sha": commit, "status": sent["state"], "name": sent["name"]})

    async def jobs(self, request: Request, path: str, run: str) -> Response:
        await self.twin.failed_log(path, int(run))
        return Response(
            200, page(request, [{"id": int(run), "name": "test", "status": "failed", "allow_failure": False}])
        )

    async def trace(self, _: Request, path: str, job: str) -> Response:
        text = await self.twin.failed_log(path, int(job))
        return Response(200, text.removeprefix("test\n").encode(), {"content-type": "text/plain"})
