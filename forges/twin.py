"""Twin of a forge, in memory: a second implementation of the contract, and what the local test server answers from."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import ClassVar

from pydantic import SecretStr

from domain.errors import Conflict, Missing
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
from forges.rendering import key_of, marked

Branches = Callable[[str], dict[str, str]]
"""A repository's path → its branches and their commits, as its git has them now."""


@dataclass(slots=True, kw_only=True)
class TwinForge:
    """See ``contract.Forge``. Its state is open: tests do with it what people do on a forge."""

    name: str = "twin"
    user: ForgeUser = field(default_factory=lambda: ForgeUser(login="signoff-bot", id="1", bot=True))
    """Whose token it is."""
    numbers_apart: bool = False
    """True: issues and pull requests are counted in two rows, as GitLab does."""
    branches: Branches = lambda _: {}
    git_access: Callable[[str], GitAccess] = lambda path: GitAccess(
        url=f"https://twin.example/{path}.git", header=SecretStr("")
    )
    history: Callable[[str, str, str], bool] = lambda _path, _branch, _commit: True
    """Repository, branch, commit: whether the branch has it."""
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    repositories: dict[str, ForgeRepository] = field(default_factory=dict[str, ForgeRepository])
    protected: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    issues: dict[tuple[str, Subject, int], ForgeIssue] = field(
        default_factory=dict[tuple[str, Subject, int], ForgeIssue]
    )
    pulls: dict[tuple[str, int], PullRequest] = field(default_factory=dict[tuple[str, int], PullRequest])
    notes: dict[tuple[str, Subject, int], list[ForgeComment]] = field(
        default_factory=dict[tuple[str, Subject, int], list[ForgeComment]]
    )
    awards: dict[str, list[Reaction]] = field(default_factory=dict[str, list[Reaction]])
    """Reactions, by the comment's id."""
    votes: dict[tuple[str, int], list[PullReview]] = field(default_factory=dict[tuple[str, int], list[PullReview]])
    statuses: dict[tuple[str, str], list[CommitStatus]] = field(
        default_factory=dict[tuple[str, str], list[CommitStatus]]
    )
    """By repository and commit, oldest first."""
    rights: dict[tuple[str, str], Permission] = field(default_factory=dict[tuple[str, str], Permission])
    """By repository and the user's id."""
    rules: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    """By repository: names of branches, ``*`` for anything, and the rule that keeps pushes off them."""
    lacking: Mapping[Purpose, Sequence[str]] | None = None
    expires_at: datetime | None = None
    logs: dict[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])
    kind: ClassVar[str] = "twin"
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1_001))

    def add_repository(
        self, path: str, *, default_branch: str = "main", private: bool = False, parent: str = ""
    ) -> ForgeRepository:
        web = f"https://twin.example/{path}"
        repository = ForgeRepository(
            path=path,
            clone_url=f"{web}.git",
            web_url=web,
            default_branch=default_branch,
            private=private,
            parent=parent,
        )
        self.repositories[path] = repository
        return repository

    def add_issue(
        self, path: str, author: ForgeUser, title: str, body: str = "", labels: tuple[str, ...] = ()
    ) -> ForgeIssue:
        number = self._number(path, "issue")
        issue = ForgeIssue(
            path=path,
            number=number,
            subject="issue",
            url=f"https://twin.example/{path}/issues/{number}",
            title=title,
            body=body,
            open=True,
            author=author,
            labels=labels,
            updated_at=self.clock(),
        )
        self.issues[path, "issue", number] = issue
        return issue

    def add_comment(  # noqa: PLR0917
        self,
        path: str,
        subject: Subject,
        number: int,
        author: ForgeUser,
        body: str,
        file: str = "",
        line: int | None = None,
        thread: str = "",
    ) -> ForgeComment:
        """As people write one; with a ``file`` it is about a line of the change, and begins a thread or goes on in one.

        Raises:
            Missing: there is no such thread.
        """
        id_, now, talk = str(next(self._ids)), self.clock(), self.notes.setdefault((path, subject, number), [])
        if thread:
            first = next((each for each in talk if each.review and each.thread == thread), None)
            if first is None:
                raise _missing(f"thread {thread}")
            file, line = first.file, first.line
        comment = ForgeComment(
            id=id_,
            url=f"https://twin.example/{path}/{subject}/{number}#{id_}",
            author=author,
            body=body,
            created_at=now,
            updated_at=now,
            review=bool(file),
            file=file,
            line=line,
            thread=(thread or id_) if file else "",
        )
        talk.append(comment)
        return comment

    def set_state(self, path: str, number: int, state: str) -> None:
        """Close, merge or open a pull request again, as people do."""
        pull = replace(self._pull(path, number), state=state)  # pyright: ignore[reportArgumentType]
        self.pulls[path, number] = pull

    async def whoami(self) -> ForgeUser:
        return self.user

    async def token(self) -> ForgeToken:
        return ForgeToken(user=self.user, lacking=self.lacking, expires_at=self.expires_at)

    async def repository(self, path: str) -> ForgeRepository:
        if path not in self.repositories:
            raise _missing(path)
        return self.repositories[path]

    async def access(self, path: str) -> GitAccess:
        await self.repository(path)
        return self.git_access(path)

    async def branch(self, path: str, name: str) -> ForgeBranch | None:
        await self.repository(path)
        commit = self.branches(path).get(name)
        return ForgeBranch(name=name, commit=commit, protected=(path, name) in self.protected) if commit else None

    async def push_rules(self, path: str, branch: str) -> Sequence[str] | None:
        await self.repository(path)
        return sorted(rule for name, rule in self.rules.get(path, {}).items() if fnmatchcase(branch, name))

    async def contains(self, path: str, branch: str, commit: str) -> bool:
        await self.repository(path)
        return self.history(path, branch, commit)

    async def pull_request(self, path: str, number: int) -> PullRequest:
        return self._pull(path, number)

    async def pull_request_of(self, path: str, head: str, *, fork: str = "") -> PullRequest | None:
        await self.repository(fork or path)
        pulls = [
            pull
            for (of, _), pull in self.pulls.items()
            if (of, pull.head, pull.fork, pull.foreign) == (path, head, fork, bool(fork))
        ]
        return self._pull(path, pulls[-1].number) if pulls else None

    async def open_pull_request(
        self, path: str, *, head: str, base: str, title: str, body: str, fork: str = ""
    ) -> PullRequest:
        repository, there = await self.repository(path), await self.pull_request_of(path, head, fork=fork)
        if there is not None and there.state == "open":
            return there
        branches, bases = self.branches(fork or path), self.branches(path)
        if head not in branches or base not in bases:
            raise _refused(f"{head if head not in branches else base} is not a branch")
        number = self._number(path, "pull_request")
        pull = PullRequest(
            path=path,
            number=number,
            url=f"{repository.web_url}/pull/{number}",
            title=title,
            body=body,
            state="open",
            head=head,
            head_commit=branches[head],
            base=base,
            author=self.user,
            foreign=bool(fork),
            fork=fork,
        )
        self.pulls[path, number] = pull
        return pull

    async def update_pull_request(
        self, path: str, number: int, *, title: str | None = None, body: str | None = None, close: bool = False
    ) -> PullRequest:
        pull = self._pull(path, number)
        pull = replace(
            pull,
            title=pull.title if title is None else title,
            body=pull.body if body is None else body,
            state="closed" if close and pull.state == "open" else pull.state,
        )
        self.pulls[path, number] = pull
        return pull

    async def comment(self, path: str, subject: Subject, number: int, body: str, *, key: str = "") -> ForgeComment:
        await self.issue(path, subject, number)
        return self._written(path, subject, number, body, key) or self.add_comment(
            path, subject, number, self.user, marked(body, key)
        )

    async def reply(self, path: str, number: int, thread: str, body: str, *, key: str = "") -> ForgeComment:
        return self._written(path, "pull_request", number, body, key) or self.add_comment(
            path, "pull_request", number, self.user, marked(body, key), thread=thread
        )

    async def comments(self, path: str, subject: Subject, number: int) -> Sequence[ForgeComment]:
        await self.issue(path, subject, number)
        return list(self.notes.get((path, subject, number), ()))

    async def reactions(self, path: str, subject: Subject, number: int, comment: ForgeComment) -> Sequence[Reaction]:
        return list(self.awards.get(comment.id, ()))

    async def reviews(self, path: str, number: int) -> Sequence[PullReview]:
        self._pull(path, number)
        return list(self.votes.get((path, number), ()))

    async def issue(self, path: str, subject: Subject, number: int) -> ForgeIssue:
        if subject == "issue" and (issue := self.issues.get((path, "issue", number))) is not None:
            return issue
        pull = self._pull(path, number)
        return ForgeIssue(
            path=path,
            number=number,
            subject="pull_request",
            url=pull.url,
            title=pull.title,
            body=pull.body,
            open=pull.state == "open",
            author=pull.author,
            updated_at=self.clock(),
        )

    async def changed(self, path: str, since: datetime) -> Sequence[ForgeIssue]:
        pulls = [await self.issue(path, "pull_request", number) for of, number in self.pulls if of == path]
        issues = [issue for (of, _, _), issue in self.issues.items() if of == path]
        recent = [each for each in (*issues, *pulls) if each.updated_at >= since]
        return sorted(recent, key=lambda each: each.updated_at)[:1_000]

    async def permission(self, path: str, user: ForgeUser) -> Permission:
        return self.rights.get((path, user.id), "none")

    async def set_status(self, path: str, commit: str, status: CommitStatus) -> None:
        await self.repository(path)
        self.statuses.setdefault((path, commit), []).append(status)

    async def failed_log(self, path: str, run: int) -> str:
        if (path, run) not in self.logs:
            raise _missing(f"run {run}")
        return self.logs[path, run]

    def _number(self, path: str, subject: Subject) -> int:
        issues = [number for of, _, number in self.issues if of == path]
        pulls = [number for of, number in self.pulls if of == path]
        if self.numbers_apart:
            return max((issues if subject == "issue" else pulls), default=0) + 1
        return max((*issues, *pulls), default=0) + 1

    def _pull(self, path: str, number: int) -> PullRequest:
        if (path, number) not in self.pulls:
            raise _missing(f"pull request {number} of {path}")
        pull = self.pulls[path, number]
        # Until it is merged or closed its head is what the branch is now.
        return replace(pull, head_commit=self.branches(pull.fork or path).get(pull.head, pull.head_commit))

    def _written(self, path: str, subject: Subject, number: int, body: str, key: str) -> ForgeComment | None:
        talk = self.notes.get((path, subject, number), [])
        for at, there in enumerate(talk):
            if key and there.author.id == self.user.id and key_of(there.body) == key:
                talk[at] = replace(there, body=marked(body, key), updated_at=self.clock())
                return talk[at]
        return None


def _missing(what: str) -> Missing:
    return Missing(
        f"The twin has no {what}.",
        code="forge_missing",
        hint="It is not there, or the token may not see it: forges do not tell the difference.",
    )


def _refused(why: str) -> Conflict:
    return Conflict(f"The twin refuses this: {why}.", code="forge_refused", hint="See what the forge says.")
