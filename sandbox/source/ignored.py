"""Ignore rules of somebody else's work tree, applied by git to copies of the rule files and to names alone."""

import asyncio
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

from sandbox.git import GitFailed, git
from sandbox.source.borrow import Borrowed
from sandbox.source.files import FileUnreadable, opened, read_at, read_bounded

_RULES = 1 << 20
_AT_ONCE = 5_000
_ROUNDS = 8
"""Folders below folders that are looked into; what lies deeper in something unknown is not worth the time."""


async def any_unignored(borrowed: Borrowed, untracked: Sequence[bytes]) -> bool:
    """Tell whether one of these paths (a folder has ``/`` at its end) is, or holds, a file that is not ignored."""
    top, waiting = borrowed.source.top, list(untracked)
    for _ in range(_ROUNDS):
        portion = waiting[:_AT_ONCE]
        if not portion:
            return False
        ignored = await _ignored(borrowed, portion)
        rest = [path for path in portion if path not in ignored]
        if any(not path.endswith(b"/") for path in rest):
            return True
        waiting = [*waiting[_AT_ONCE:], *await asyncio.to_thread(_within, top, rest)]
    return False


async def _ignored(borrowed: Borrowed, paths: Sequence[bytes]) -> frozenset[bytes]:
    shadow = borrowed.folder.parent / "names"
    await asyncio.to_thread(_copy_names, borrowed, shadow, paths)
    # A name that starts with a colon would be a pattern, and some of those end it all.
    names = b"".join(b"./" + path.rstrip(b"/") + b"\0" for path in paths)
    # The user's own list of what to ignore everywhere counts here, as it does for them.
    try:
        out = await git(
            borrowed.folder,
            f"--work-tree={shadow}",
            "-C",
            str(shadow),
            "check-ignore",
            "--no-index",
            "--stdin",
            "-z",
            stdin=names,
            as_user=True,
        )
    except GitFailed as error:
        if error.code != 1:  # 1: none of them
            raise
        return frozenset()
    matched = {path.removeprefix(b"./") for path in out.split(b"\0")}
    return frozenset(path for path in paths if path.rstrip(b"/") in matched)


def _copy_names(borrowed: Borrowed, shadow: Path, paths: Iterable[bytes]) -> None:
    """Make empty files and folders of these names, with copies of the rule files that apply to them."""
    shadow.mkdir(exist_ok=True)
    with suppress(FileUnreadable):
        rules = read_bounded(borrowed.source.common_dir / "info" / "exclude", _RULES)
        (borrowed.folder / "info").mkdir(exist_ok=True)
        (borrowed.folder / "info" / "exclude").write_bytes(rules or b"")
    seen = set[bytes]()
    for path in paths:
        place = shadow / os.fsdecode(path)
        (place if path.endswith(b"/") else place.parent).mkdir(parents=True, exist_ok=True)
        if not path.endswith(b"/"):
            place.touch()
        above = path.rstrip(b"/").rpartition(b"/")[0]
        while above not in seen:
            seen.add(above)
            rules = None
            with suppress(OSError), opened(borrowed.source.top, [part for part in above.split(b"/") if part]) as fd:
                rules = read_at(fd, ".gitignore", _RULES)
            if rules is not None:
                (shadow / os.fsdecode(above) / ".gitignore").write_bytes(rules)
            above = above.rpartition(b"/")[0]


def _within(top: Path, folders: Iterable[bytes]) -> list[bytes]:
    """List what lies directly in these folders."""
    paths: list[bytes] = []
    for folder in folders:
        with suppress(OSError), opened(top, folder.rstrip(b"/").split(b"/")) as fd, os.scandir(fd) as listing:
            for each in listing:
                if each.name == ".git":
                    continue
                path = folder + os.fsencode(each.name)
                if each.is_dir(follow_symlinks=False):
                    paths.append(path + b"/")
                elif each.is_file(follow_symlinks=False) or each.is_symlink():
                    paths.append(path)
    return paths
