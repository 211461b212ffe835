"""Checkout into somebody else's work tree: files of one tree are exchanged for those of another, without git.

Every file of the user's stays as it is: what is not exactly as one of the two trees has it stops everything before
anything is written. Doing it again after a crash finishes what was begun.
"""

import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from domain import Refused
from sandbox.git import SUBMODULE, TreeEntry
from sandbox.source.files import opened, status, write_new
from sandbox.source.index_file import IndexEntry, write_index
from sandbox.source.work_tree import WorkTreeStatus, blob_id, content, same_kind

_FORBIDDEN = (b"", b".", b"..")


@dataclass(frozen=True, slots=True)
class Exchange:
    """One path: what git's tree has there now, and what it shall have. None: nothing."""

    path: bytes
    old: TreeEntry | None
    new: TreeEntry | None

    @property
    def is_file(self) -> bool:
        """Whether there is a file to touch; a submodule is a folder of its own."""
        return all(each is None or each.mode != SUBMODULE for each in (self.old, self.new))

    @property
    def parts(self) -> list[bytes]:
        return self.path.split(b"/")


def exchanges(old: Mapping[bytes, TreeEntry], new: Mapping[bytes, TreeEntry]) -> tuple[Exchange, ...]:
    """Compare two trees. Pure."""
    paths = sorted({*old, *new})
    pairs = ((path, _file(old.get(path)), _file(new.get(path))) for path in paths)
    return tuple(Exchange(*pair) for pair in pairs if pair[1] != pair[2])


def _file(entry: TreeEntry | None) -> TreeEntry | None:
    return None if entry is None or entry.is_folder else entry


def check_out(top: Path, seen: WorkTreeStatus, wanted: tuple[Exchange, ...], blobs: Mapping[str, bytes]) -> bytes:
    """Exchange the files and return the index that goes with them.

    Args:
        top: the work tree.
        seen: how it differs from the old tree, found while the index was locked.
        wanted: what to exchange.
        blobs: content by id, of all that is new.

    Raises:
        Refused: ``dirty_tree`` or ``cannot_deliver``; nothing was written then.
    """
    if seen.index.partial:
        raise _cannot(f"its index {seen.index.partial}")
    by_path = {each.path: each for each in wanted}
    before = {entry.path: entry for entry in seen.index.entries}
    entries = dict(before)
    _must_be_clean(seen, by_path, entries)
    with opened(top) as root:
        line_ends = {each.path: _line_end(root, each, seen, before) for each in wanted if each.is_file}
        # What goes, goes first, the deepest first: a new file may need the place of a folder that empties.
        for each in sorted(by_path.values(), key=lambda each: each.path, reverse=True):
            if each.new is not None or not each.is_file or _skipped(entries.get(each.path)):
                continue
            *above, name = each.parts
            with suppress(OSError):  # gone already, or its folder is not empty without it: both are fine
                with opened(root, above) as folder, suppress(FileNotFoundError):
                    os.unlink(name, dir_fd=folder)
                for n in range(len(above), 0, -1):
                    with opened(root, above[: n - 1]) as folder:
                        os.rmdir(above[n - 1], dir_fd=folder)
        for each in by_path.values():
            entries.pop(each.path, None)
            if each.new is not None:
                data = blobs[each.new.id] if each.is_file else None
                # Their git wrote the file with the line ends of Windows (core.autocrlf), and would write this one so.
                if data is not None and line_ends[each.path] == b"\r\n" and b"\r\n" not in data:
                    data = data.replace(b"\n", b"\r\n")
                entries[each.path] = _put(root, each, each.new, before.get(each.path), data)
    return write_index(entries.values())


def _must_be_clean(seen: WorkTreeStatus, wanted: Mapping[bytes, Exchange], entries: Mapping[bytes, IndexEntry]) -> None:
    """Other files are as the old tree has them, and the index has one of the two for each that is exchanged."""
    if touched := sorted((seen.staged | seen.changed) - wanted.keys()):
        raise dirty(touched[0])
    for path in seen.staged & wanted.keys():
        entry, new = entries.get(path), wanted[path].new
        now = None if entry is None else (entry.mode, entry.id)
        if now != (None if new is None else (int(new.mode, 8), new.id)) or (entry is not None and entry.stage):
            raise dirty(path)


def _line_end(root: int, each: Exchange, seen: WorkTreeStatus, entries: Mapping[bytes, IndexEntry]) -> bytes:
    """Return the line end of a file that may be exchanged."""
    if any(part.lower() == b".git" or part in _FORBIDDEN for part in each.parts):
        raise _cannot(f"{os.fsdecode(each.path)!r} is not a path for a file")
    if _skipped(entries.get(each.path)):
        return b"\n"
    present, data = _present(root, each, seen, entries)
    if present is None:
        if each.old is not None and each.new is not None:
            raise dirty(each.path)
        return b"\n"
    for one in (each.new, each.old):
        if one is None or data is None or not same_kind(present, int(one.mode, 8), file_mode=seen.file_mode):
            continue
        if blob_id(data) == one.id:
            return b"\n"
        if b"\r\n" in data and blob_id(data.replace(b"\r\n", b"\n")) == one.id:
            return b"\r\n"
    if each.old is not None and each.path not in seen.changed:
        raise _cannot(f"{os.fsdecode(each.path)!r} is made by a filter of git's (LFS, an encoding)")
    raise dirty(each.path)


def _present(
    root: int, each: Exchange, seen: WorkTreeStatus, entries: Mapping[bytes, IndexEntry]
) -> tuple[os.stat_result | None, bytes | None]:
    """Return what lies there now: its state and its bytes; a folder whose files all go is nothing."""
    *above, name = each.parts
    try:
        with opened(root, above) as folder:
            present = status(folder, name)
            if present is None or not stat.S_ISDIR(present.st_mode):
                return present, None if present is None else content(folder, name, present.st_mode)
    except FileNotFoundError:
        return None, None
    except NotADirectoryError:
        # A file that has to go may stand where a folder has to be; anything else is the user's.
        if any(b"/".join(above[:n]) in entries for n in range(1, len(above) + 1)):
            return None, None
        raise dirty(each.path) from None
    inside = each.path + b"/"
    if each.path in entries or any(path.startswith(inside) for path in seen.untracked):
        raise dirty(each.path)
    return None, None


def _put(root: int, each: Exchange, new: TreeEntry, before: IndexEntry | None, data: bytes | None) -> IndexEntry:
    """Write one file (``data`` None: there is none to write) and return its entry in the index."""
    mode = int(new.mode, 8)
    entry = IndexEntry(each.path, mode, new.id)
    if before is not None and _skipped(before):
        return replace(entry, more=before.more)
    if data is None:
        return entry
    *above, name = each.parts
    with opened(root, above, create=True) as folder:
        if stat.S_ISLNK(mode):
            with suppress(FileNotFoundError):
                os.unlink(name, dir_fd=folder)
            os.symlink(data, name, dir_fd=folder)
        else:
            write_new(folder, name, data, 0o777 if mode & 0o100 else 0o666)
        present = status(folder, name)
    return entry if present is None else entry.seen(present)


def _skipped(entry: IndexEntry | None) -> bool:
    return entry is not None and entry.skipped


def dirty(path: bytes) -> Refused:
    return Refused(
        f"The work tree has changes that a commit would run over: {os.fsdecode(path)!r} for example.",
        code="dirty_tree",
        hint="Commit or stash them, or deliver as a branch, which does not touch the work tree.",
    )


def _cannot(why: str) -> Refused:
    return Refused(
        f"No commit can be checked out here: {why}.",
        code="cannot_deliver",
        hint="Deliver as a branch (--deliver branch), which touches neither files nor index.",
    )
