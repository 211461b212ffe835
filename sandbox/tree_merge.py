"""Tree merge: two trees that began with the same one made into one, in the content store, without a work tree.

What only one side changed is taken as it is. A file that both changed is merged by its lines; what cannot be merged is
named, and nothing of it is decided here. No line of the repository is run, and no attribute of it is asked.
"""

import asyncio
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.git import ALONE, LISTING, QUIET, SAFE, TreeEntry, contents, git, object_id, run_bounded, write_object
from sandbox.workspace.tree_edits import folders, rewritten

LARGEST = 8 << 20
"""Bytes of a file that is merged by its lines."""
SECONDS = 60.0
OURS, BASE, THEIRS = "landed", "before", "branch"
"""What the parts of a conflict are called in the file."""
MARKS = (b"<<<<<<< " + OURS.encode(), b">>>>>>> " + THEIRS.encode())
_MOST_CONFLICTS = 127
"""``git merge-file`` ends with the number of conflicts, up to this; more than that is an error."""


@dataclass(frozen=True, slots=True)
class MergedTree:
    """The tree that came of it. With conflicts it holds the landed side, and marks where lines met."""

    tree: str
    conflicts: Mapping[str, str]
    """What could not be merged, by path: why, or the lines with their marks."""


async def merged(folder: Path, base: str, ours: str, theirs: str) -> MergedTree:
    """Put what ``theirs`` changed since ``base`` on top of ``ours``.

    Args:
        folder: the git folder that has all three trees.
        base: what both began with.
        ours: what landed meanwhile; it wins where nothing else decides.
        theirs: the branch.
    """
    if ours == base:
        return MergedTree(theirs, {})
    landed, branch = [await _changes(folder, base, tree) for tree in (ours, theirs)]
    wanted: dict[bytes, TreeEntry | None] = {}
    conflicts: dict[str, str] = {}
    new = {path for path, change in landed.items() if change.new is not None}
    # A folder of ours, by any one file that makes it one.
    below = {above: path for path in sorted(new, reverse=True) for above in _above(path)}
    for path, change in sorted(branch.items()):
        if path not in landed:
            # A file of theirs in the place of a folder of ours, or below a file of ours, is for nobody to guess.
            clash = below.get(path) or next((each for each in _above(path) if each in new), None)
            if clash is None or change.new is None:
                wanted[path] = change.new
            else:
                conflicts[_name(path)] = f"{_name(clash)} was put there meanwhile; what landed stays"
        elif change.new != landed[path].new:
            entry, problem = await _file(folder, change.old, landed[path].new, change.new)
            if problem:
                conflicts[_name(path)] = problem
            if entry is not None:
                wanted[path] = entry
    if not wanted:
        return MergedTree(ours, conflicts)
    tree = await asyncio.to_thread(rewritten, folder, await folders(folder, ours, wanted), wanted, force=True)
    return MergedTree(tree, conflicts)


@dataclass(frozen=True, slots=True)
class _Change:
    old: TreeEntry | None
    new: TreeEntry | None


async def _changes(folder: Path, old: str, new: str) -> dict[bytes, _Change]:
    """What differs between two trees, by path; a rename is a deletion and an addition."""
    out = await git(
        folder,
        "diff-tree",
        "-r",
        "-z",
        "--raw",
        "--no-renames",
        "--no-abbrev",
        object_id(old),
        object_id(new),
        most=LISTING,
    )
    words = out.split(b"\0")
    changes: dict[bytes, _Change] = {}
    for head, path in zip(words[::2], words[1::2], strict=False):
        before, after, was, now, _ = head.removeprefix(b":").split(b" ")
        sides = [
            None if mode == b"000000" else TreeEntry(mode, name.decode())
            for mode, name in ((before, was), (after, now))
        ]
        changes[path] = _Change(*sides)
    return changes


def marks_left(data: bytes) -> bool:
    """Whether a file still has the marks of a conflict that was given back to its author. Pure."""
    return all(any(line.startswith(mark) for line in data.splitlines()) for mark in MARKS)


async def _file(
    folder: Path, was: TreeEntry | None, here: TreeEntry | None, there: TreeEntry | None
) -> tuple[TreeEntry | None, str]:
    """One file that both sides changed: what to put there (None: leave ours), and what is in the way."""
    if here is None or there is None:
        who = (
            "what landed deleted it, and the branch changed it"
            if here is None
            else "the branch deleted it, and what landed changed it"
        )
        return None, f"{who}; what landed stays"
    if not (here.is_file and there.is_file and (was is None or was.is_file)):
        return None, "it is a link, a folder or a submodule on one side; what landed stays"
    mode = there.mode if was is not None and was.executable == here.executable else here.mode
    if here.id == there.id:  # only their modes differ
        return TreeEntry(mode, here.id), ""
    names = [entry.id for entry in (here, was, there) if entry is not None]
    asked = "".join(f"{name}\n" for name in names).encode()
    sizes = await git(folder, "cat-file", "--batch-check=%(objectsize)", stdin=asked)
    if max(map(int, sizes.split())) > LARGEST:
        return None, f"it has more than {LARGEST >> 20} MiB, and both sides changed it; what landed stays"
    blobs = contents(await git(folder, "cat-file", "--batch", stdin=asked), names)
    parts = [blobs[here.id], blobs[was.id] if was is not None else b"", blobs[there.id]]
    with tempfile.TemporaryDirectory(prefix="merge-", dir=folder) as place:
        paths = [os.path.join(place, name) for name in (OURS, BASE, THEIRS)]  # noqa: PTH118  arguments of a program
        for path, part in zip(paths, parts, strict=True):
            await asyncio.to_thread(Path(path).write_bytes, part)
        labels = [word for name in (OURS, BASE, THEIRS) for word in ("-L", name)]
        # With a git folder of our own named, no configuration of wherever this process stands is looked for.
        safe = [word for key, text in SAFE.items() for word in ("-c", f"{key}={text}")]
        command = ["git", f"--git-dir={folder}", *safe, "merge-file", "-p", "--diff3", *labels, *paths]
        code, out, _ = await run_bounded(command, env={**QUIET, **ALONE}, seconds=SECONDS, most=4 * LARGEST)
    if code is None or code > _MOST_CONFLICTS:
        return None, "it is binary, and both sides changed it; what landed stays"
    entry = TreeEntry(mode, await asyncio.to_thread(write_object, folder, "blob", out))
    return entry, out.decode(errors="replace") if code else ""


def _above(path: bytes) -> list[bytes]:
    """The folders that a path lies in."""
    parts = path.split(b"/")
    return [b"/".join(parts[:depth]) for depth in range(1, len(parts))]


def _name(path: bytes) -> str:
    return path.decode(errors="backslashreplace")
