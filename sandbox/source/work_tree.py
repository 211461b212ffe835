"""WorkTreeStatus of a work tree that belongs to somebody else: which files differ from the commit, found without git.

Files are compared as bytes, and no filter runs. A file that is as the user's own git last saw it (the index says
so) counts as unchanged, which is how files that filters made (line ends, LFS, encodings) are recognised.
"""

import asyncio
import hashlib
import os
import re
import stat
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.git import TreeEntry
from sandbox.source.borrow import Borrowed
from sandbox.source.files import FileUnreadable, opened, read_at, read_bounded
from sandbox.source.ignored import any_unignored
from sandbox.source.index_file import INDEX_BYTES, Index, IndexEntry, IndexInvalid, read_index

_FILE_BYTES = 512 << 20
_POINTER = 1_024
_DEPTH = 100
_GITLINK, _FOLDER = 0o160000, 0o040000
_LFS = re.compile(rb"\Aversion https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*oid sha256:([0-9a-f]{64})\nsize")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkTreeStatus:
    """How index and files differ from a tree."""

    index: Index
    """What git last saw; empty when there is none or it cannot be read."""
    staged: frozenset[bytes]
    """Paths whose entry in the index is not that of the tree."""
    changed: frozenset[bytes]
    """Paths whose file is not what the index says, missing ones too."""
    untracked: tuple[bytes, ...]
    """Files and folders (with ``/`` at the end) that git does not know, those that are ignored too."""
    file_mode: bool
    """Whether the executable bits of this file system mean something."""


async def status(borrowed: Borrowed, tree: str) -> WorkTreeStatus:
    """Compare the work tree of a repository that is not bare with a tree."""
    entries = await borrowed.entries(tree)
    scan = await asyncio.to_thread(
        _look, borrowed.source.git_dir, borrowed.source.common_dir, borrowed.source.top, entries
    )
    suspects = {path: entry.id for path, entry in scan.suspects.items() if stat.S_ISREG(entry.mode)}
    pointers = await borrowed.blobs(tuple(set(suspects.values())), _POINTER) if suspects else {}
    large = await asyncio.to_thread(_stored_elsewhere, borrowed.source.top, suspects, pointers)
    return WorkTreeStatus(
        index=scan.index,
        staged=frozenset(scan.staged),
        changed=frozenset((*scan.missing, *(path for path in scan.suspects if path not in large))),
        untracked=tuple(scan.untracked),
        file_mode=scan.file_mode,
    )


async def is_dirty(borrowed: Borrowed, tree: str) -> bool:
    """Tell whether anything there is not committed; ignored files do not count."""
    seen = await status(borrowed, tree)
    return bool(seen.staged or seen.changed) or await any_unignored(borrowed, seen.untracked)


@dataclass(slots=True)
class _Scan:
    index: Index
    entries: Mapping[bytes, IndexEntry]
    written_ns: int
    file_mode: bool
    staged: set[bytes] = field(default_factory=set[bytes])
    suspects: dict[bytes, IndexEntry] = field(default_factory=dict[bytes, IndexEntry])
    missing: set[bytes] = field(default_factory=set[bytes])
    untracked: list[bytes] = field(default_factory=list[bytes])
    paths: list[bytes] = field(default_factory=list[bytes])
    """Of the index, sorted: a set of all folders above them takes the square of a deep path."""

    def walk(self, fd: int, prefix: bytes, depth: int = 0) -> None:
        """Compare what lies in an open folder; what is met is taken from ``missing``."""
        with os.scandir(fd) as listing:
            for each in listing:
                # git's own, or the repository of a folder within.
                if each.name == ".git":
                    continue
                path = prefix + os.fsencode(each.name)
                entry = self.entries.get(path)
                if entry is not None:
                    self._compare(fd, each, path, entry)
                elif not each.is_dir(follow_symlinks=False):
                    if each.is_file(follow_symlinks=False) or each.is_symlink():
                        self.untracked.append(path)
                elif not _within(self.paths, path + b"/"):
                    self.untracked.append(path + b"/")
                elif depth < _DEPTH:
                    with opened(fd, (each.name,)) as below:
                        self.walk(below, path + b"/", depth + 1)

    def _compare(self, fd: int, each: "os.DirEntry[str]", path: bytes, entry: IndexEntry) -> None:
        self.missing.discard(path)
        if entry.mode == _GITLINK or entry.skipped:
            return
        seen = each.stat(follow_symlinks=False)
        if not same_kind(seen, entry.mode, file_mode=self.file_mode):
            self.suspects[path] = entry
            return
        # What was written after the index may have been changed within the same tick of the clock.
        known = entry.matches(seen) and seen.st_mtime_ns < self.written_ns
        if not known and not same_content(fd, each.name, entry.id, entry.mode):
            self.suspects[path] = entry


def _look(git_dir: Path, common: Path, top: Path, tree: Mapping[bytes, TreeEntry]) -> _Scan:
    index, written_ns, known = _index(git_dir / "index")
    files = {path: entry for path, entry in tree.items() if not entry.is_folder}
    if not known:  # Nothing is known about the index: the files alone are compared.
        index = Index(tuple(IndexEntry(p, int(e.mode, 8), e.id) for p, e in files.items()), partial=index.partial)
    scan = _Scan(index, {entry.path: entry for entry in index.entries}, written_ns, means_file_mode(common))
    for entry in index.entries:
        if entry.mode == _FOLDER and entry.skipped:  # A folder that a sparse checkout leaves out.
            there = tree.get(entry.path.rstrip(b"/"))
            if there is None or there.id != entry.id:
                scan.staged.add(entry.path)
            continue
        there = files.get(entry.path)
        if there is None or entry.stage or entry.promised or (int(there.mode, 8), there.id) != (entry.mode, entry.id):
            scan.staged.add(entry.path)
        if not entry.skipped and entry.mode != _GITLINK:
            scan.missing.add(entry.path)
    left_out = sorted(entry.path for entry in index.entries if entry.mode == _FOLDER and entry.skipped)
    for path in files.keys() - scan.entries.keys():
        at = bisect_right(left_out, path)  # none of these folders lies in another
        if at == 0 or not path.startswith(left_out[at - 1]):
            scan.staged.add(path)
    scan.paths = sorted(scan.entries)
    with opened(top) as fd:
        scan.walk(fd, b"")
    return scan


def _within(paths: Sequence[bytes], start: bytes) -> bool:
    """Tell whether one of these sorted paths starts like that."""
    at = bisect_left(paths, start)
    return at < len(paths) and paths[at].startswith(start)


def _index(path: Path) -> tuple[Index, int, bool]:
    """Return the index, when it was written, and whether it says anything about all files."""
    try:
        data = read_bounded(path, INDEX_BYTES)
        if data is None:
            return Index(), 0, True
        index = read_index(data)
        return index, path.stat().st_mtime_ns, not index.partial.startswith(("is split", "has an"))
    except (IndexInvalid, FileUnreadable, OSError) as error:
        return Index(partial=f"cannot be read ({error})"), 0, False


def means_file_mode(common: Path) -> bool:
    """Read ``core.fileMode`` as text: on some file systems every file is executable."""
    try:
        text = read_bounded(common / "config", 1 << 20) or b""
    except FileUnreadable:
        return True
    section, answer = b"", True
    for line in map(bytes.strip, text.lower().split(b"\n")):
        if line.startswith(b"["):
            section = line
        elif section == b"[core]" and line.replace(b" ", b"").startswith(b"filemode="):
            answer = line.rpartition(b"=")[2].strip() not in {b"false", b"no", b"off", b"0"}
    return answer


def same_kind(seen: os.stat_result, mode: int, *, file_mode: bool) -> bool:
    """Tell whether a file is of the kind that a mode of git's says: file, executable file, symbolic link."""
    if stat.S_ISLNK(mode):
        return stat.S_ISLNK(seen.st_mode)
    executable = bool(seen.st_mode & 0o100)
    return stat.S_ISREG(seen.st_mode) and (not file_mode or executable == bool(mode & 0o100))


def same_content(folder: int, name: str | bytes, blob: str, mode: int) -> bool:
    """Tell whether a file, or link, of an open folder holds a blob; line ends of Windows are the same as ours."""
    data = content(folder, name, mode)
    return data is not None and (
        blob_id(data) == blob or (b"\r\n" in data and blob_id(data.replace(b"\r\n", b"\n")) == blob)
    )


def content(folder: int, name: str | bytes, mode: int) -> bytes | None:
    """Return the bytes of a file, or where a link points; None when it is neither, or too large."""
    if not stat.S_ISLNK(mode):
        return read_at(folder, name, _FILE_BYTES)
    try:
        return os.readlink(os.fsencode(name), dir_fd=folder)
    except OSError:
        return None


def blob_id(data: bytes) -> str:
    """Return the id that git gives to a blob."""
    whole = hashlib.sha1(b"blob %d\0" % len(data), usedforsecurity=False)
    whole.update(data)
    return whole.hexdigest()


def _stored_elsewhere(top: Path, suspects: Mapping[bytes, str], pointers: Mapping[str, bytes]) -> frozenset[bytes]:
    """Return those files whose blob is a pointer of Git LFS to exactly what the file holds."""
    elsewhere = set[bytes]()
    for path, blob in suspects.items():
        pointer = _LFS.match(pointers.get(blob, b""))
        if pointer is None:
            continue
        *above, name = path.split(b"/")
        with suppress(OSError), opened(top, above) as folder:
            data = read_at(folder, name, _FILE_BYTES) or b""
            if hashlib.sha256(data).hexdigest() == pointer[1].decode():
                elsewhere.add(path)
    return frozenset(elsewhere)
