"""Memories, and the ended runs that they are taken from: values, persisted as JSON in a store."""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from domain import value
from domain.work import Line, Name, Prose

MemoryKind = Literal["episodic", "semantic", "procedural"]
KINDS: tuple[MemoryKind, ...] = ("episodic", "semantic", "procedural")
"""``episodic``: what a run did and what came of it; ``semantic``: a fact about a repository, from evidence;
``procedural``: skills that lie in the repository, and are stored nowhere else."""
MOST_TEXT = 4_000
"""Characters of one memory."""


@value
class Citation:
    """A file that a memory is about. Where its content is none of these, the memory is about another file."""

    path: Line
    contents: Annotated[tuple[Name, ...], Field(max_length=4)]
    """Hashes, as the content store has them: before and after the change."""


@value
class Rejection:
    """What a person refused to sign, and why."""

    by: Name
    reason: Prose = ""


@value
class Memory:
    """One thing that is remembered of one repository."""

    id: Name
    """The same for the same subject of a repository: what is learnt anew takes the place of what was known."""
    kind: Literal["episodic", "semantic"]
    repo: Line
    title: Line
    text: Annotated[str, Field(max_length=MOST_TEXT)]
    subject: Line = ""
    """Of a fact: what it is about, in a form that the next run finds again."""
    command: Line = ""
    """Of a fact that is about one: the command."""
    works: bool = True
    """Whether that could be run."""
    cites: Annotated[tuple[Citation, ...], Field(max_length=60)] = ()
    run: Name = ""
    """That it was learnt from last; empty: a person wrote it."""
    runs: int = 1
    """So many runs showed it."""
    commit: Name = ""
    person: Name = ""
    """Who asked for that run."""
    status: Name = ""
    """How that run ended."""
    rejections: Annotated[tuple[Rejection, ...], Field(max_length=20)] = ()
    outside: bool = False
    """Words of outsiders went into it: who reads it has read text from outsiders."""
    pinned: bool = False
    """A person wants it shown first, and kept, whatever later runs find."""
    pinned_by: Name = ""
    edited_by: Name = ""
    """A person wrote its words; no run writes over them."""
    learnt_at: datetime

    @property
    def rejected(self) -> bool:
        """True when a person refused what it tells of."""
        return self.status == "rejected" or bool(self.rejections)

    @property
    def by_person(self) -> bool:
        """True when a person stands for it."""
        return self.pinned or bool(self.edited_by)


@value
class RanCommand:
    """A command that ran in a sandbox."""

    command: str
    code: int | None
    """Its exit code; None: it did not end by itself."""


@value
class ChangedFile:
    """A file that a run changed."""

    path: str
    before: str = ""
    """Hash of its content; empty: it was not there."""
    after: str = ""
    """Empty: it is not there any more."""


@value
class EndedRun:
    """What is known of a run that ended; what memories are made of. Texts are masked already."""

    run: Name
    org: Name
    repo: Line
    commit: Name
    person: Name
    task: Prose
    outside: bool = False
    status: Name
    code: Name = ""
    message: Prose = ""
    proof: Line = ""
    """What the acceptance command said of the clean checkout, in one line; empty: there is no proof."""
    accept: Line = ""
    """The acceptance command, where it proved the change."""
    commands: tuple[RanCommand, ...] = ()
    tried: tuple[Line, ...] = ()
    """What was done, a line each."""
    changed: tuple[ChangedFile, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    files: Mapping[str, str] = Field(default_factory=dict[str, str])
    """Hash of the content of each file of the commit, by its path."""
    ended_at: datetime


NAMESPACE = "signoff_memory"
"""The first word of every namespace of ours in a store."""


def memory_id(repo: str, kind: str, subject: str) -> str:
    """The id of what is remembered of a subject."""
    return hashlib.sha256(f"{repo}\0{kind}\0{subject}".encode(errors="replace")).hexdigest()[:10]


def namespace_of(repo: str, kind: str) -> tuple[str, str, str]:
    """Where in the store a repository's memories of a kind are; a path may have dots, and a namespace may not."""
    return (NAMESPACE, hashlib.sha256(repo.encode(errors="replace")).hexdigest()[:24], kind)
