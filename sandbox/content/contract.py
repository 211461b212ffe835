"""Contract of a bucket: where segments of runs' content lie for all machines, and the list that says which count.

A segment never changes, and its name is its digest. What counts is in the list, which lies in the database: an object
that nobody put on the list is as if it were not there, and one that was changed in the bucket is noticed.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from domain import Transient


class ContentUnavailable(Transient):
    """The bucket does not answer, refuses us, or has not what was put there. A run goes on when that is mended.

    Codes: ``content_unavailable`` (it gets better by itself), ``bucket_missing``, ``bucket_forbidden``,
    ``bucket_clock``, ``content_damaged``.
    """

    code = "content_unavailable"


def damaged(name: str, why: str) -> ContentUnavailable:
    """Say that an object is not what was put there."""
    return ContentUnavailable(
        f"The object {name} of the content store cannot be used: {why}.",
        code="content_damaged",
        hint="Restore it from the bucket's versions or a backup, then: signoff resume RUN. Without one, start the run "
        "again.",
    )


@dataclass(frozen=True, slots=True)
class ContentSegment:
    """New files of a run's folder, as one tar archive in the bucket."""

    number: int
    """Its place among those of the run, from 1; later ones win where a file is in several."""
    digest: str
    """SHA-256 of the archive."""
    size_bytes: int


class ContentBucket(Protocol):
    """A flat store of objects by name; names have slashes."""

    async def put(self, name: str, source: Path) -> None:
        """Put a file there, whole or not at all; the same name again replaces it.

        Raises:
            ContentUnavailable: with any code but ``content_damaged``.
        """
        ...

    async def get(self, name: str, target: Path, size_bytes: int) -> None:
        """Fetch an object of a known size into a new file.

        Raises:
            ContentUnavailable: ``content_damaged``: it is not there, or shorter. Else any other code.
        """
        ...

    async def drop(self, prefix: str) -> None:
        """Remove all objects whose names begin with ``prefix``, which ends with a slash. Fine where there is none.

        Raises:
            ContentUnavailable: with any code but ``content_damaged``.
        """
        ...

    async def try_out(self) -> str:
        """Write, read and remove an object; return which bucket that was, for people.

        Raises:
            ContentUnavailable: within some seconds.
        """
        ...


class SegmentList(Protocol):
    """Which segments a run has; the truth about them, shared by all machines."""

    async def of(self, run: str, start: int = 1) -> tuple[ContentSegment, ...]:
        """Those of a run from a number on, in order."""
        ...

    async def add(self, run: str, segment: ContentSegment) -> bool:
        """Add one; False where its number is taken."""
        ...

    async def drop(self, run: str) -> None:
        """Forget those of a run."""
        ...
