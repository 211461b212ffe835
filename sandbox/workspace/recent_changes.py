"""Recent changes of the user's repository: a test that fails since then often fails because of them."""

import asyncio
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from pydantic import ValidationError

from domain import Refused
from domain.change import Hunk
from sandbox.git import GitFailed, git
from sandbox.revisions import Pinned
from sandbox.source import borrowed, is_url, locate

COMMITS = 30
MOST = 200
"""Hunks."""
_BYTES = 4 << 20
_SECONDS = 10.0
_LONGEST = 2_000
"""Characters of a hunk: what is longer was written, not changed."""
_LOG = (
    "log",
    f"--max-count={COMMITS}",
    "--no-merges",
    "--patch",
    "--unified=1",
    "--no-renames",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
    "--diff-filter=M",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--format=%x00%H %s",
)
_PATH = re.compile(r"^\+\+\+ b/(.+)$", re.MULTILINE)


async def recent_changes(pinned: Pinned) -> tuple[Hunk, ...]:
    """Changes of Python files in the last commits before a pinned one, newest first; none of a remote repository.

    The history is a help, never a need: what cannot be read in time is as if it were not there.
    """
    # A remote repository was fetched without its history.
    if is_url(pinned.repo) or not await asyncio.to_thread(Path(pinned.repo).is_dir):
        return ()
    try:
        async with borrowed(await locate(pinned.repo)) as source:
            out = await git(source.folder, *_LOG, pinned.commit, "--", "*.py", seconds=_SECONDS)
    except (GitFailed, Refused, OSError):
        return ()
    return await asyncio.to_thread(lambda: tuple(islice(hunks(out[:_BYTES].decode(errors="replace")), MOST)))


def hunks(log: str) -> Iterator[Hunk]:
    """Read what ``git log --patch`` printed, each commit after a zero byte. Pure."""
    for entry in log.split("\0")[1:]:
        head, _, patch = entry.partition("\n")
        commit, _, subject = head.partition(" ")
        for part in re.split(r"^diff --git .*\n", patch, flags=re.MULTILINE)[1:]:
            path = _PATH.search(part)
            for text in re.split(r"^@@ .*\n", part, flags=re.MULTILINE)[1:] if path else ():
                before, after = _side(text, "-"), _side(text, "+")
                if path and max(len(before), len(after)) <= _LONGEST and after.strip():
                    try:
                        yield Hunk(path=path[1], before=before, after=after, commit=commit, subject=subject[:200])
                    except ValidationError:
                        continue


def _side(hunk: str, sign: str) -> str:
    """The lines of one side, with those around them. A line that ends without a newline has none here either."""
    lines: list[str] = []
    last = ""
    for line in hunk.splitlines(keepends=True):
        if line.startswith("\\") and last in (sign, " ") and lines:
            lines[-1] = lines[-1].rstrip("\n")
        last = line[:1]
        lines += [line[1:]] if last in (sign, " ") else []
    return "".join(lines)
