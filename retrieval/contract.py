"""Contract: what retrieval needs of a repository, and what it gives back."""

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from pydantic import Field

from domain import value


class Reads(Protocol):
    """The files of one fixed tree. A store of snapshots happens to satisfy it."""

    async def files(self) -> Sequence[str]:
        """Every path, relative to the root, with forward slashes."""
        ...

    async def read(self, path: str) -> bytes:
        """All bytes of a file; a ``SignoffError`` means that this file is left out."""
        ...


@runtime_checkable
class ReadsMany(Reads, Protocol):
    """Who can read many files at once: much faster where a read starts a process."""

    async def read_many(self, paths: Sequence[str], *, limit: int) -> Mapping[str, bytes]:
        """The bytes of those of ``paths`` that are files of at most ``limit`` bytes; the others are left out."""
        ...


@runtime_checkable
class Versioned(Reads, Protocol):
    """Who knows the hashes of contents without reading them: what was seen once is not read again."""

    async def versions(self) -> Mapping[str, str]:
        """A hash of every file's content by its path. The same object as long as nothing changed."""
        ...

    async def private(self) -> frozenset[str]:
        """Paths whose content is somebody's work of the moment: it is searched, and written into no file."""
        ...


@value
class Passage:
    """Lines of one file that are worth a reader's attention, cited as ``path:start-end``."""

    path: str
    start_line: int = Field(ge=1)
    end_line: int = Field(ge=1)
    """Inclusive; lines are separated by line feeds only, as in git and in tracebacks."""
    text: str
    score: float = 0.0
    """Comparable within one answer only."""
    why: str = ""
    """For a person: what brought it here."""

    @property
    def cite(self) -> str:
        """The way a passage is named in ``context_used``."""
        return f"{self.path}:{self.start_line}-{self.end_line}"
