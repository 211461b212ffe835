"""Writes into the git folder of somebody else: packs, refs, reflogs and the index, as git lays them out.

No configuration is read, no hook is run, and no link is followed: what is a link where git puts a file is refused.
A file is locked as git locks it, so that git and we never write the same file at once.
"""

import contextlib
import errno
import hashlib
import os
import stat
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from domain import Refused
from sandbox.packs import Pack
from sandbox.source.files import must_be_plain, odd, opened, read_at, status, write_new
from sandbox.source.refs import Refs, is_ref_name
from sandbox.source.repository import SourceRepository

_REF = 4 << 10


class RefMoved(Exception):
    """The ref is not where it was expected."""


@dataclass(frozen=True, slots=True)
class FileLock:
    """A file that nobody else writes until it is let go."""

    folder: int
    name: str
    own: str

    def replace(self, data: bytes) -> None:
        """Write the file anew, and let go of it."""
        lock = f"{self.name}.lock"
        fd = os.open(lock, os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=self.folder)
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(fd)
        os.replace(lock, self.name, src_dir_fd=self.folder, dst_dir_fd=self.folder)


@contextlib.contextmanager
def locked(folder: int, name: str, owner: str, what: str) -> Generator[FileLock]:
    """Hold ``NAME.lock``, as git does.

    The lock is a second name of a file of ours: one that we left behind when we were killed is known again.

    Args:
        folder: an open folder.
        name: the file in it.
        owner: who locks; the same after a crash.
        what: the file in words.

    Raises:
        Refused: ``repository_locked``, or ``cannot_deliver``: the lock is a link.
    """
    own = f".signoff-{hashlib.sha256(f'{owner}:{name}'.encode(errors='surrogateescape')).hexdigest()[:16]}"
    lock = f"{name}.lock"
    if must_be_plain(folder, own, what) is None:
        os.close(os.open(own, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=folder))
    mine = must_be_plain(folder, own, what)
    there = None
    try:
        os.link(own, lock, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
    except FileExistsError:
        there = must_be_plain(folder, lock, f"the lock of {what}")
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EMLINK}:
            raise
        # A file system without hard links.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o644, dir_fd=folder))
    if there is not None and (mine is None or (there.st_ino, there.st_dev) != (mine.st_ino, mine.st_dev)):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(own, dir_fd=folder)
        raise Refused(
            f"Another program holds {what} of this repository.",
            code="repository_locked",
            hint=f"Wait until git is done there and deliver again; if none runs, remove the file {lock}.",
        )
    try:
        yield FileLock(folder, name, own)
    finally:
        for left in (lock, own):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(left, dir_fd=folder)


def put_pack(source: SourceRepository, pack: Pack) -> None:
    """Add objects, reachable from nowhere yet."""
    with _below(source.common_dir, ("objects", "pack")) as folder:
        # The index last: git takes a pack for complete when it has one.
        for name, data in ((f"{pack.name}.pack", pack.data), (f"{pack.name}.idx", pack.index)):
            there = must_be_plain(folder, name, f"objects/pack/{name}")
            if there is None or there.st_size != len(data):
                write_new(folder, name, data)


@contextlib.contextmanager
def index_lock(source: SourceRepository, owner: str) -> Generator[FileLock]:
    """Hold the lock of the index."""
    with _below(source.git_dir, ()) as folder:
        must_be_plain(folder, "index", "the index")
        with locked(folder, "index", owner, "the index") as lock:
            yield lock


def update_ref(
    source: SourceRepository, name: str, *, old: str | None, new: str, owner: str, who: str, at: datetime
) -> None:
    """Let a branch (``refs/heads/…``), or a HEAD that is detached, point to a commit, with a line in the reflog.

    Args:
        source: whose it is.
        name: the full name.
        old: what it has to point to now; None: it must not be there.
        new: the commit.
        owner: see ``locked``.
        who: name and address for the reflog.
        at: when.

    Raises:
        RefMoved: it points elsewhere, or is in the way of other refs.
        Refused: ``repository_locked``, ``cannot_deliver``.
    """
    if name != "HEAD" and not (name.startswith("refs/heads/") and is_ref_name(name)):
        raise ValueError(f"{name!r} is not a branch")
    # ``a`` and ``a/b`` cannot both be branches.
    packed, parts = Refs(source).packed, name.split("/")
    for n in range(3, len(parts)):
        shorter = "/".join(parts[:n])
        state = os.lstat(source.common_dir / shorter) if os.path.lexists(source.common_dir / shorter) else None
        if shorter in packed or (state is not None and stat.S_ISREG(state.st_mode)):
            raise RefMoved(name)
    if any(other.startswith(f"{name}/") for other in packed):
        raise RefMoved(name)
    *above, leaf = name.split("/")
    line = f"{old or '0' * 40} {new} {who} {int(at.timestamp())} +0000\tsignoff: deliver\n"
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(_below(source.git_dir if name == "HEAD" else source.common_dir, above))
        _clear_empty(folder, leaf)
        must_be_plain(folder, leaf, name)
        lock = stack.enter_context(locked(folder, leaf, owner, name))
        text = read_at(folder, leaf, _REF)
        now = text.decode(errors="replace").strip() if text is not None else Refs(source).packed.get(name)
        if now != old:
            raise RefMoved(name)
        # All of them are opened before the first is written: a reflog that cannot be written stops everything.
        logs: list[int] = []
        if not source.bare and (name == "HEAD" or f"refs/heads/{Refs(source).head().branch}" == name):
            logs.append(stack.enter_context(_reflog(source.git_dir, "logs/HEAD")))
        if not source.bare and name != "HEAD":
            logs.append(stack.enter_context(_reflog(source.common_dir, f"logs/{name}")))
        for log in logs:
            os.write(log, line.encode(errors="surrogateescape"))
        # The ref last: until then, nothing of theirs points to the new commit.
        lock.replace(f"{new}\n".encode())


def _clear_empty(folder: int, leaf: str) -> None:
    """Remove folders that branches of longer names left behind, as git does."""
    state = status(folder, leaf)
    if state is None or not stat.S_ISDIR(state.st_mode):
        return
    with opened(folder, (leaf,)) as below:
        for name in os.listdir(below):
            _clear_empty(below, name)
        left = os.listdir(below)
    if left:
        raise RefMoved(leaf)
    os.rmdir(leaf, dir_fd=folder)


@contextlib.contextmanager
def _reflog(root: Path, log: str) -> Generator[int]:
    *above, leaf = log.split("/")
    with _below(root, above) as folder:
        must_be_plain(folder, leaf, f"the reflog {log}")
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        fd = os.open(leaf, flags, 0o644, dir_fd=folder)
        try:
            yield fd
        finally:
            os.close(fd)


@contextlib.contextmanager
def _below(root: Path, parts: Sequence[str]) -> Generator[int]:
    """Open a folder below a git folder, made where it is missing.

    Raises:
        Refused: ``cannot_deliver``: a part of the way is a link, or no folder.
    """
    with contextlib.ExitStack() as stack:
        try:
            fd = stack.enter_context(opened(root, parts, create=True))
        except OSError as error:
            raise odd("/".join(parts) or str(root), f"not a plain folder ({error.strerror})") from error
        yield fd
