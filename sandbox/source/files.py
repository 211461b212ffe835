"""File access below folders that somebody else writes: bounded reads, and writes that follow no link.

Reading may follow a link (some tools share parts of ``.git`` that way) but never waits for a FIFO or a device and
never takes more than it was told. Writing follows none: a link stands for a place that nobody agreed to.
"""

import contextlib
import hashlib
import os
import stat
from collections.abc import Generator, Sequence
from pathlib import Path

from domain import Refused

# A FIFO without a writer would be waited for without O_NONBLOCK.
_READ = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class FileUnreadable(Refused):
    """There is something, and it is not a regular file of a sensible size."""

    def __init__(self, what: str) -> None:
        hint = "Look at it; a fresh clone (git clone REPO CLONE) does not have it."
        super().__init__(f"The repository cannot be read: {what}.", code="repository_unsupported", hint=hint)


def read_bounded(path: Path, limit: int) -> bytes | None:
    """Return what is in a regular file; None when there is no such file.

    Raises:
        FileUnreadable: it is not regular, has more than ``limit`` bytes, or may not be read.
    """
    try:
        fd = os.open(path, _READ)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise FileUnreadable(f"{path} cannot be read: {error}") from error
    data = _regular(fd, limit)
    if data is None:
        raise FileUnreadable(f"{path} is not a file, or has more than {limit} bytes")
    return data


def read_at(folder: int, name: str | bytes, limit: int) -> bytes | None:
    """Return a regular file of the open folder ``folder``; None when it is anything else, a link for example."""
    try:
        return _regular(os.open(name, _READ | os.O_NOFOLLOW, dir_fd=folder), limit)
    except OSError:
        return None


def _regular(fd: int, limit: int) -> bytes | None:
    """Read a file to its end and close it; None when it is not regular or too long."""
    try:
        state = os.fstat(fd)
        if not stat.S_ISREG(state.st_mode) or state.st_size > limit:
            return None
        parts: list[bytes] = []
        while limit >= 0 and (part := os.read(fd, min(limit + 1, 1 << 24))):
            parts.append(part)
            limit -= len(part)
        return b"".join(parts) if limit >= 0 else None
    finally:
        os.close(fd)


@contextlib.contextmanager
def opened(root: Path | int, parts: Sequence[str | bytes] = (), *, create: bool = False) -> Generator[int]:
    """Open the folder ``parts`` below ``root`` without following a link anywhere below ``root``.

    Raises:
        FileNotFoundError: there is none, and ``create`` is False.
        NotADirectoryError: a part is a file or a symbolic link.
    """
    fd = _folder(root, None)
    try:
        for part in parts:
            if create:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(part, dir_fd=fd)
            below = _folder(part, fd)
            os.close(fd)
            fd = below
        yield fd
    finally:
        os.close(fd)


def _folder(place: Path | int | str | bytes, above: int | None) -> int:
    if isinstance(place, int):
        return os.dup(place)
    return os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=above)


def status(folder: int, name: str | bytes) -> os.stat_result | None:
    """Return the state of an entry itself, not of what a link points to; None when there is none."""
    try:
        return os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None


def must_be_plain(folder: int, name: str, what: str) -> os.stat_result | None:
    """Return the state of an entry that is a regular file, or None when there is nothing.

    Raises:
        Refused: ``cannot_deliver``: a link, a FIFO, a folder, a device.
    """
    state = status(folder, name)
    if state is not None and not stat.S_ISREG(state.st_mode):
        raise odd(what, "a symbolic link" if stat.S_ISLNK(state.st_mode) else "not a regular file")
    return state


def odd(what: str, how: str) -> Refused:
    """Say that something in the user's repository is not what git would have put there."""
    return Refused(
        f"Nothing is delivered into this repository: {what} is {how}.",
        code="cannot_deliver",
        hint="See who put it there. Deliver as a patch (--deliver patch), or into a fresh clone.",
    )


def write_new(folder: int, name: str | bytes, data: bytes, mode: int = 0o444) -> None:
    """Put a file into an open folder at once, in place of what has the name; a crash leaves all of it or nothing."""
    # The same name each time: what a crash left behind is gone after the next try.
    part = f".signoff-{hashlib.sha256(os.fsencode(name)).hexdigest()[:16]}"
    with contextlib.suppress(FileNotFoundError):
        os.unlink(part, dir_fd=folder)
    fd = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=folder)
    try:
        with os.fdopen(fd, "wb") as file:
            file.write(data)
            file.flush()
            # Before the rename: a power cut must leave no name without its bytes.
            os.fsync(fd)
        os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise
