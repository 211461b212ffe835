"""Forge: the contract of GitHub, GitLab and the twin, and the values that it speaks in.

A forge is asked by the deliverer and by web hooks, never by a sandbox. Its token leaves a client in one way: as the
header of one git process (``GitAccess``), so no address, log, span or error has it.

A repository is named by its path there (``owner/name``, ``group/sub/project``), an issue or a pull request by its
number within it. GitLab's merge requests are pull requests here, its notes comments, its award emoji reactions.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Literal, Protocol

from pydantic import SecretStr

__all__ = [
    "SUBJECTS",
    "CommitStatus",
    "Forge",
    "ForgeBranch",
    "ForgeComment",
    "ForgeIssue",
    "ForgeRepository",
    "ForgeToken",
    "ForgeUser",
    "GitAccess",
    "Permission",
    "PullRequest",
    "PullReview",
    "PullState",
    "Purpose",
    "Reaction",
    "StatusState",
    "Subject",
]

Subject = Literal["issue", "pull_request"]
"""What a number means. GitHub counts both in one row and GitLab in two."""
SUBJECTS: tuple[Subject, ...] = ("issue", "pull_request")
Permission = Literal["none", "read", "write", "admin"]
"""``read`` is GitHub's read and triage, GitLab's guest to reporter; ``write`` its developer; ``admin`` its maintainer
and owner, and GitHub's maintain and admin."""
PullState = Literal["open", "closed", "merged"]
Purpose = Literal["deliver", "ci", "checks"]
"""What a token is for: pull requests, comments, statuses and votes; logs of failed runs of CI; GitHub's check runs."""
StatusState = Literal["pending", "success", "failure", "error"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeUser:
    """Who did something there."""

    login: str
    id: str = ""
    """The forge's own, which stays when a login is given away."""
    bot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeToken:
    """What a forge says of the token that asks."""

    user: ForgeUser
    lacking: Mapping[Purpose, Sequence[str]] | None = None
    """The rights that are missing, in the forge's words; None: it does not tell (GitHub's fine-grained tokens)."""
    expires_at: datetime | None = None
    """None: never, not told, or made anew by itself (installations of apps)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeRepository:
    path: str
    clone_url: str
    web_url: str
    default_branch: str
    private: bool = False
    writable: bool = True
    """False: the forge says that this token may not push to it."""
    parent: str = ""
    """The repository that it is a fork of; empty: of none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeBranch:
    name: str
    commit: str
    protected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PullRequest:
    path: str
    number: int
    url: str
    title: str
    body: str = ""
    state: PullState
    head: str
    """The branch that it asks to be merged."""
    head_commit: str = ""
    base: str
    author: ForgeUser
    foreign: bool = False
    """The head is a branch of another repository."""
    fork: str = ""
    """That repository, where the forge names it (GitLab has its number only)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeIssue:
    """An issue, or what a pull request has of one."""

    path: str
    number: int
    subject: Subject
    url: str
    title: str
    body: str = ""
    open: bool
    author: ForgeUser
    labels: tuple[str, ...] = ()
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeComment:
    id: str
    url: str = ""
    author: ForgeUser
    body: str
    created_at: datetime
    updated_at: datetime
    review: bool = False
    """It is about a line of the change."""
    file: str = ""
    line: int | None = None
    thread: str = ""
    """What a reply to a review comment names: the first comment (GitHub), the discussion (GitLab)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    content: str
    """In GitHub's words on both: ``+1``, ``-1``, ``rocket`` …; what GitHub has no word for is as the forge has it."""
    user: ForgeUser
    created_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullReview:
    author: ForgeUser
    verdict: Literal["approved", "changes_requested", "commented", "dismissed"]
    body: str = ""
    commit: str = ""
    """What was reviewed; empty where the forge does not say (GitLab)."""
    submitted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitStatus:
    """What stands beside a commit. Setting the same ``context`` again replaces it."""

    state: StatusState
    context: str = "signoff"
    description: str = ""
    """At most 140 characters: GitHub takes no more."""
    url: str = ""
    summary: str = ""
    """Markdown, for where there is a page for it: a check run of GitHub's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitAccess:
    """How git gets in: for the environment of one process, and nothing else."""

    url: str
    """Without any credential."""
    header: SecretStr
    """``Authorization: Basic …``; empty where none is needed."""
    ca: str = ""
    """A PEM file with certificates to trust; empty: the system's."""
    proxy: str = ""


class Forge(Protocol):
    """Speaks to one forge, as one user of it.

    Every verb raises ``Unavailable`` (``forge_unavailable``: try again), ``RateLimited`` (``forge_rate_limited``, with
    the seconds where it says them), and ``Refused``: ``forge_token_refused``, ``forge_forbidden`` (the token lacks a
    right), ``forge_missing`` (or is not allowed to see it: forges do not tell the difference), ``forge_refused`` (with
    the forge's own reason).
    """

    kind: ClassVar[str]
    """``github``, ``gitlab``, ``twin``."""

    @property
    def name(self) -> str:
        """As the configuration calls it."""
        ...

    async def whoami(self) -> ForgeUser:
        """Whose token it is: what this user wrote is ours, and starts nothing."""
        ...

    async def token(self) -> ForgeToken:
        """What the token may and when it ends, as far as the forge tells. It is asked, and nothing is tried out."""
        ...

    async def repository(self, path: str) -> ForgeRepository: ...

    async def access(self, path: str) -> GitAccess:
        """How git reads and pushes to it."""
        ...

    async def branch(self, path: str, name: str) -> ForgeBranch | None:
        """None: there is no such branch."""
        ...

    async def push_rules(self, path: str, branch: str) -> Sequence[str] | None:
        """What keeps a push off a branch of this name, be it there or not, in the forge's words.

        None: the token may not know, or the server or the plan has no such rules. GitHub's older branch protection is
        told of branches that exist only (``branch``).
        """
        ...

    async def contains(self, path: str, branch: str, commit: str) -> bool:
        """Whether a commit is in the history of a branch."""
        ...

    async def pull_request(self, path: str, number: int) -> PullRequest: ...

    async def pull_request_of(self, path: str, head: str, *, fork: str = "") -> PullRequest | None:
        """The newest one, in whatever state, from this branch of the repository itself, or of a fork of it.

        None: there was none.
        """
        ...

    async def open_pull_request(
        self, path: str, *, head: str, base: str, title: str, body: str, fork: str = ""
    ) -> PullRequest:
        """Open one. Where one is open from this branch already that one is returned as it stands.

        Args:
            path: the repository that it is asked of.
            head: the branch that is to be merged.
            base: the branch that it is merged into.
            title: in one line.
            body: Markdown.
            fork: the repository that has ``head``; empty: ``path`` itself.
        """
        ...

    async def update_pull_request(
        self, path: str, number: int, *, title: str | None = None, body: str | None = None, close: bool = False
    ) -> PullRequest: ...

    async def comment(self, path: str, subject: Subject, number: int, body: str, *, key: str = "") -> ForgeComment:
        """Write a comment. With a ``key`` there is one of that key: written again, it is edited instead.

        The key stands in the comment as one that is not shown, and counts only in comments of our own user.
        """
        ...

    async def reply(self, path: str, number: int, thread: str, body: str, *, key: str = "") -> ForgeComment:
        """Answer a review comment, in its thread; with a ``key`` as ``comment``."""
        ...

    async def comments(self, path: str, subject: Subject, number: int) -> Sequence[ForgeComment]:
        """All of them, also those about lines, oldest first; the first 1,000."""
        ...

    async def reactions(self, path: str, subject: Subject, number: int, comment: ForgeComment) -> Sequence[Reaction]:
        """Of one comment."""
        ...

    async def reviews(self, path: str, number: int) -> Sequence[PullReview]:
        """Oldest first. GitLab knows approvals only."""
        ...

    async def issue(self, path: str, subject: Subject, number: int) -> ForgeIssue: ...

    async def changed(self, path: str, since: datetime) -> Sequence[ForgeIssue]:
        """Issues and pull requests that changed since, oldest change first; the first 1,000."""
        ...

    async def permission(self, path: str, user: ForgeUser) -> Permission:
        """What this user may do in the repository."""
        ...

    async def set_status(self, path: str, commit: str, status: CommitStatus) -> None:
        """Set it; on GitHub an installation with the right to it also shows it as a check run."""
        ...

    async def failed_log(self, path: str, run: int) -> str:
        """The logs of a workflow run's (GitHub) or a pipeline's (GitLab) failed jobs, each under its name.

        Of a log it is the last 200,000 characters.
        """
        ...
