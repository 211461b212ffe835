"""What a run starts from, where it stands, and what it handed over: values that live in checkpoints."""

from typing import Literal

from domain import value
from domain.evidence import LeftOut


@value
class Pinned:
    """The state of a repository that a run is about. Nothing that happens there later changes it."""

    repo: str
    """The top of a local repository (absolute path), or a URL."""
    commit: str
    tree: str
    dirty: bool = False
    """The work tree has changes that are not committed: they are no part of the run."""
    head: str | None = None
    """The branch that is checked out there; None when HEAD is detached."""
    folder: str = ""
    """The folder below ``repo`` that was named instead of it; empty for the top, a bare repository or a URL."""


@value
class Snapshot:
    """The files of a workspace at one moment, by ids in the content store."""

    tree: str
    """What would be delivered: the base and the edits that were asked for, nothing that a command left behind."""
    full: str
    """Everything, ignored files and the home folder too; what a restore brings back."""
    commit: str
    """Keeps both alive in the store."""
    left_out: tuple[LeftOut, ...] = ()
    """What lies in the workspace beside ``tree`` and is not delivered; bounded."""


@value
class Delivered:
    """What was handed over."""

    kind: Literal["patch", "commit", "branch", "pr", "deploy"]
    commit: str = ""
    ref: str = ""
    """The branch that holds the commit."""
    url: str = ""
    """Of the pull request, for people."""
    repository: str = ""
    """``forge:owner/name`` where it was pushed to; empty for a local repository."""
    number: int | None = None
    """Of the pull request."""


@value
class Changed:
    """One file of a diff."""

    path: str
    added: int | None = None
    """Lines; None for a binary file."""
    removed: int | None = None
