"""Backup of an installation into a folder, while it goes on working.

The order is what makes it whole. The audit's witness is first: it must not know of lines that the rows do not have.
Then rows and checkpoints as of one moment, then the content of runs: it is written before a row names it and only ever
grows, so that what the rows name is there when it is copied. The folder gets its name last.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

from domain import Refused
from sandbox.content import is_replica
from service.backup.files import content_files, copy_file, empty_folders, hash_file, naming_errors, plain_files
from service.backup.keys import SEALED, seal_keys
from service.backup.manifest import MANIFEST, BackedUpFile, BackupManifest, write_manifest
from service.backup.postgres import TABLES, copy_out
from service.backup.sqlite import CHECKPOINTS, ROWS, copy_databases
from service.errors import refuse
from service.settings import Settings
from service.storage.open import server_url

AUDIT, STORE, TRACES = "audit", "store", "traces"
EVERY: Final = 50
"""Runs after which progress is told."""


@dataclass(slots=True, kw_only=True)
class BackupWriter:
    """Writes what belongs to a backup into a folder, and knows what it wrote."""

    folder: Path
    files: dict[str, BackedUpFile] = field(default_factory=dict[str, BackedUpFile])
    folders: list[str] = field(default_factory=list[str])

    async def copy(self, root: Path, name: str, paths: Iterable[Path]) -> None:
        """Copy files below ``root`` to ``name``; one that went away meanwhile belonged to nothing."""
        for path in await asyncio.to_thread(list, paths):
            relative = f"{name}/{path.relative_to(root).as_posix()}"
            try:
                self.files[relative] = await asyncio.to_thread(copy_file, path, self.folder / relative)
            except FileNotFoundError:
                continue

    async def add(self, name: str) -> None:
        """Take in a file that was written by others."""
        self.files[name] = await asyncio.to_thread(hash_file, self.folder / name)


async def back_up(
    settings: Settings,
    to: Path,
    *,
    passphrase: str | None,
    clock: Callable[[], datetime],
    progress: Callable[[str], None],
) -> BackupManifest:
    """Write a backup of the installation that the settings name; without a passphrase its keys are not in it.

    Raises:
        Refused: ``backup_exists``, ``database_not_migrated``: there is nothing yet; ``backup_disk_full``,
            ``backup_unwritable``.
        DatabaseUnavailable: it does not answer.
    """
    server = server_url(settings)
    if server is None and not await asyncio.to_thread((settings.home / ROWS).exists):
        raise refuse("database_not_migrated", f"There is no database in {settings.home} yet.")
    with naming_errors("The backup"), _growing(to) as partial:
        writer = BackupWriter(folder=partial)
        if passphrase is not None:
            await asyncio.to_thread(_write, partial / SEALED, seal_keys(settings.home / "keys", passphrase))
            await writer.add(SEALED)
        witness = settings.audit_witness or settings.home / AUDIT
        await writer.copy(witness, AUDIT, plain_files(witness))
        # Before the rows: they must not lack objects that were sent since, and whose folder is left out for that.
        sent = await asyncio.to_thread(_sent, settings)
        rows_at, sequences = clock(), dict[str, int]()
        if server is None:
            revision = await asyncio.to_thread(copy_databases, settings.home, partial, progress)
            names = [name for name in (ROWS, CHECKPOINTS) if await asyncio.to_thread((partial / name).exists)]
        else:
            revision, sequences = await copy_out(server, partial, progress)
            names = [f"{TABLES}/{path.name}" for path in await asyncio.to_thread(list, plain_files(partial / TABLES))]
        for name in names:
            await writer.add(name)
        runs = await _copy_content(settings.home / STORE, sent, writer, progress)
        await writer.copy(settings.home / TRACES, TRACES, plain_files(settings.home / TRACES))
        manifest = BackupManifest(
            version=version("signoff"),
            database="sqlite" if server is None else "postgresql",
            revision=revision,
            rows_at=rows_at,
            keys="none" if passphrase is None else "sealed",
            bucket=settings.bucket,
            runs=runs,
            files=writer.files,
            folders=tuple(writer.folders),
            sequences=sequences,
        )
        await asyncio.to_thread(write_manifest, partial, manifest)
    return manifest


def _sent(settings: Settings) -> frozenset[str]:
    """Folders of runs that are copies of what a bucket has: the rows list its objects, which are never changed."""
    store = settings.home / STORE
    if not settings.bucket or not store.is_dir():
        return frozenset()
    return frozenset(folder.name for folder in store.iterdir() if is_replica(folder))


async def _copy_content(
    store: Path, sent: frozenset[str], writer: BackupWriter, progress: Callable[[str], None]
) -> int:
    """Copy the content of every run but those; return of how many."""
    folders = sorted(await asyncio.to_thread(lambda: list(store.iterdir()) if store.is_dir() else []))
    runs = [folder for folder in folders if folder.name not in sent]
    for number, run in enumerate(runs):
        if number % EVERY == 0:
            progress(f"content {number}/{len(runs)} runs")
        await writer.copy(store, STORE, content_files(run))
        for empty in await asyncio.to_thread(list, empty_folders(run)):
            writer.folders.append(f"{STORE}/{empty.relative_to(store).as_posix()}")
    return len(runs)


@contextmanager
def _growing(to: Path) -> Generator[Path]:
    """A folder beside ``to`` that becomes it at the end of the block, or goes. Raises ``backup_exists``."""
    taken = Refused(
        f"{to} is there already.",
        code="backup_exists",
        hint="Name a folder that is not there yet; a backup is never changed.",
    )
    if to.exists() or to.is_symlink():
        raise taken
    to.parent.mkdir(parents=True, exist_ok=True)
    partial = to.absolute().parent / f".{to.name}.{secrets.token_hex(4)}.partial"
    partial.mkdir(mode=0o700)
    try:
        yield partial
        if to.exists():
            raise taken
        partial.rename(to)
        _sync(to)
        _sync(to.absolute().parent)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _sync(folder: Path) -> None:
    for path in (folder / MANIFEST, folder):
        if path.exists():
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


def _write(path: Path, data: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
