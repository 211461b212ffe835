"""Files by path, as PID 1 reads and writes them: no symlink is followed in any component."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NOT_FILES = ("proc", "sys", "dev")
_CODES = {
    errno.ENOENT: "file_not_found",
    errno.ENOSPC: "sandbox_full",
    errno.EDQUOT: "sandbox_full",
    errno.EFBIG: "file_too_large",
}


class NotDone(Exception):
    """Why a file verb was not carried out."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def explain(error: OSError) -> NotDone:
    """Turn what the kernel said into the code the caller is promised."""
    code = _CODES.get(error.errno or 0, "path_refused")
    return NotDone(code, error.strerror or "not possible")


def parts_of(path: str) -> list[str]:
    """Split an absolute path; ``..``, NUL and what is not on a disk are refused."""
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if not path.startswith("/") or not parts or ".." in parts or "\0" in path or parts[0] in _NOT_FILES:
        raise NotDone("path_refused", "not a path inside the sandbox")
    return parts


def _must_be(name: str, folder: int, opened: int) -> None:
    """See that what was opened is what stands there: gVisor (2024) follows links with O_NOFOLLOW | O_DIRECTORY."""
    there, got = os.stat(name, dir_fd=folder, follow_symlinks=False), os.fstat(opened)
    if stat.S_ISLNK(there.st_mode) or (there.st_dev, there.st_ino) != (got.st_dev, got.st_ino):
        raise NotDone("path_refused", "a symbolic link on the way")


@contextmanager
def folder_of(path: str, *, make: bool = False) -> Generator[tuple[int, str]]:
    """Open the folder that holds ``path`` and give its descriptor and the last name."""
    *above, name = parts_of(path)
    # From the root, one part after the other: O_NOFOLLOW is about the last part of a path only.
    held = os.open("/", _FOLDER)
    try:
        for part in above:
            if make:
                with suppress(FileExistsError):
                    os.mkdir(part, 0o755, dir_fd=held)
            below = os.open(part, _FOLDER, dir_fd=held)
            above_it, held = held, below
            try:
                _must_be(part, above_it, below)
            finally:
                os.close(above_it)
        yield held, name
    except OSError as error:
        raise explain(error) from error
    finally:
        os.close(held)


def read(path: str, limit: int, chunk: int) -> Iterator[bytes]:
    """Yield the bytes of a regular file."""
    with folder_of(path) as (folder, name):
        # Not blocking: opening a pipe must not wait for its writer.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        try:
            _must_be(name, folder, file)
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise NotDone("path_refused", "not a regular file")
            if status.st_size > limit:
                raise NotDone("file_too_large", f"{status.st_size} bytes, more than {limit}")
            left = limit
            while left > 0 and (data := os.read(file, min(chunk, left))):
                left -= len(data)
                yield data
        finally:
            os.close(file)


class Incoming:
    """A file that is being written beside its place, and put there when it is whole."""

    def __init__(self, path: str, mode: int) -> None:
        self._path, self._mode = path, mode & 0o777
        # Not to be guessed: a command could have put something under a name that it knows.
        self._name = f".signoff-{os.urandom(6).hex()}"
        with folder_of(path, make=True) as (folder, name):
            with suppress(FileNotFoundError):
                before = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if not stat.S_ISREG(before.st_mode):
                    raise NotDone("path_refused", "there is something that is not a regular file")
                self._mode = stat.S_IMODE(before.st_mode) & 0o777
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            self._file = os.open(self._name, flags, self._mode, dir_fd=folder)
            self._folder = os.dup(folder)
            self._target = name

    def add(self, data: bytes) -> None:
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            self.drop()
            raise explain(error) from error

    def done(self) -> None:
        try:
            # What ``open`` made has lost the bits of the umask.
            os.fchmod(self._file, self._mode)
            os.rename(self._name, self._target, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError as error:
            self.drop()
            raise explain(error) from error
        self._close()

    def drop(self) -> None:
        with suppress(OSError):
            os.unlink(self._name, dir_fd=self._folder)
        self._close()

    def _close(self) -> None:
        os.close(self._file)
        os.close(self._folder)


def delete(path: str) -> None:
    """Remove a file, a link itself, or an empty folder."""
    with folder_of(path) as (folder, name):
        if stat.S_ISDIR(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            os.rmdir(name, dir_fd=folder)
        else:
            os.unlink(name, dir_fd=folder)


def prepare(folders: list[str]) -> None:
    """Make the folders that every sandbox has."""
    for folder in folders:
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103  pathlib takes long to import
