"""Files of a backup: copied with their hash, in an order in which content is never missing behind its name."""

import errno
import hashlib
import os
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from database import DatabaseUnavailable
from domain import Refused
from service.backup.manifest import BackedUpFile

CHUNK_BYTES = 1 << 20
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
PASSING = (".lock", ".partial")
"""Endings of files that a writer renames or removes in a moment."""


def copy_file(source: Path, target: Path) -> BackedUpFile:
    """Copy one file, for its owner's eyes only, and return what was written."""
    digest, size = hashlib.sha256(), 0
    with source.open("rb") as read:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as written:
            while chunk := read.read(CHUNK_BYTES):
                digest.update(chunk)
                size += len(chunk)
                written.write(chunk)
    return BackedUpFile(size_bytes=size, sha256=digest.hexdigest())


def hash_file(path: Path) -> BackedUpFile:
    """Return what a file is that was written by somebody else."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return BackedUpFile(size_bytes=path.stat().st_size, sha256=digest)


def plain_files(folder: Path) -> Iterator[Path]:
    """Files below a folder in the order of their names. No link is followed."""
    for entry in sorted(_entries(folder), key=lambda each: each.name):
        if entry.is_dir(follow_symlinks=False):
            yield from plain_files(Path(entry.path))
        elif entry.is_file(follow_symlinks=False) and not entry.name.endswith(PASSING):
            yield Path(entry.path)


def content_files(folder: Path) -> Iterator[Path]:
    """Files of one run's content: what names objects first, then indexes of packs, then the objects.

    Objects are only ever added. So what a name that was copied stands for is there when objects are listed, while the
    run goes on.
    """
    objects = folder / "objects"
    for path in plain_files(folder):
        # ``packs`` is a cache of what was sent to sandboxes.
        if path.relative_to(folder).parts[0] not in {"objects", "packs"}:
            yield path
    for path in plain_files(objects):
        if path.suffix == ".idx":
            yield path
    for path in plain_files(objects):
        if path.suffix != ".idx" and not path.name.startswith("tmp_"):
            yield path


def empty_folders(folder: Path) -> Iterator[Path]:
    """Folders with nothing in them: git knows a repository by some of those."""
    entries = _entries(folder)
    if not entries and folder.is_dir():
        yield folder
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from empty_folders(Path(entry.path))


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except FileNotFoundError:  # a thread that retention erased meanwhile
        return []


@contextmanager
def naming_errors(what: str) -> Generator[None]:
    """Disks and SQLite files as errors of ours.

    Raises:
        Refused: ``backup_disk_full``, ``backup_unwritable``.
        DatabaseUnavailable: a file of the database is held by another process, or damaged.
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise _full(what) from error
        raise Refused(
            f"{what} failed: {error}.",
            code="backup_unwritable",
            hint="See that both folders can be read and written by this account. Nothing was left half done.",
        ) from error
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            raise _full(what) from error
        raise DatabaseUnavailable(
            f"{what} failed: {error}", hint="See that the disk can be read and written, then try again."
        ) from error


def _full(what: str) -> Refused:
    return Refused(
        f"{what} failed: the disk is full. What had been written was removed.",
        code="backup_disk_full",
        hint="Make room, or name a folder on another disk; then do it again.",
    )
