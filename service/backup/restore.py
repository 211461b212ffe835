"""Restore of a backup into an empty home, and an empty database where it was made from a server.

Everything is written and verified beside the home first, and migrated to today's tables there. The home gets its name
last: until then there is nothing, and after an error or a kill there is nothing either.
"""

import asyncio
import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from functools import partial
from pathlib import Path

from alembic.script import ScriptDirectory

from database import open_engine, sqlite_url
from database.migrations import HEAD, configuration
from domain import Refused, value
from service.backup.backup import AUDIT
from service.backup.files import copy_file, hash_file, naming_errors, plain_files
from service.backup.keys import SEALED, unseal_keys
from service.backup.manifest import BackupManifest, damaged, newer, read_manifest
from service.backup.postgres import TABLES, ensure_unused, loading
from service.backup.sqlite import ROWS
from service.settings import Settings
from service.storage.migrations import migrate_postgres, prepare_sqlite
from service.storage.open import rows_url, server_url
from service.storage.schema import make_tables

EVERY = 500
"""Files after which progress is told."""
IGNORED = frozenset({"lost+found"})
"""What an empty file system has in it."""


@value
class RestoredHome:
    """What was restored, and what is left to do."""

    manifest: BackupManifest
    keys: bool
    """Whether the home has them."""
    revision: str = HEAD


async def restore(
    settings: Settings,
    source: Path,
    *,
    passphrase: str | None,
    without_keys: bool,
    progress: Callable[[str], None],
) -> RestoredHome:
    """Make the installation that the settings name from a backup.

    Raises:
        Refused: ``backup_incomplete``, ``backup_damaged``, ``backup_newer``, ``backup_does_not_fit``,
            ``home_not_empty``, ``database_not_empty``, ``passphrase_needed``, ``passphrase_wrong``,
            ``migration_failed``, ``backup_disk_full``, ``backup_unwritable``. Nothing was restored.
        DatabaseUnavailable: it does not answer; nothing was restored.
    """
    with naming_errors("The restore"):
        manifest, server = await asyncio.to_thread(read_manifest, source), server_url(settings)
        _ensure_fits(manifest, settings, server)
        await asyncio.to_thread(_ensure_empty, settings.home)
        keys = await asyncio.to_thread(_keys, source, manifest, passphrase, without_keys)
        if server is not None:
            await ensure_unused(server, manifest.revision)
        staging = await asyncio.to_thread(_staging, settings.home)
        try:
            await _copy(source, staging, manifest, progress)
            for name, key in keys.items():
                await asyncio.to_thread(_write_key, staging / "keys" / name, key)
            if server is None:
                progress("migrating")
                engine = open_engine(sqlite_url(staging / ROWS))
                try:
                    await prepare_sqlite(engine, partial(make_tables, engine))
                finally:
                    await engine.dispose()
                await asyncio.to_thread(_place, staging, settings)
            else:
                rows, place = loading(server, source, manifest, progress), partial(_place, staging, settings)
                await _load(server, rows, place, at=manifest.revision)
        finally:
            await asyncio.to_thread(shutil.rmtree, staging, ignore_errors=True)
    return RestoredHome(manifest=manifest, keys=bool(keys))


async def _load(server: str, rows: AbstractAsyncContextManager[None], place: Callable[[], None], *, at: str) -> None:
    """Make the tables of revision ``at``, load them, place the home, and only then commit and migrate."""
    engine = open_engine(rows_url(server).get_secret_value())
    try:
        await migrate_postgres(engine, server, to=at)
        async with rows:
            await asyncio.to_thread(place)
        await migrate_postgres(engine, server)
    finally:
        await engine.dispose()


def _ensure_fits(manifest: BackupManifest, settings: Settings, server: str | None) -> None:
    known = {each.revision for each in ScriptDirectory.from_config(configuration()).walk_revisions()}
    if manifest.revision not in known:
        raise newer(f"tables at revision {manifest.revision}, and this version knows them up to {HEAD}")
    here = "sqlite" if server is None else "postgresql"
    if manifest.database != here:
        raise Refused(
            f"The backup is of {manifest.database}, and the settings name {here}.",
            code="backup_does_not_fit",
            hint="Set SIGNOFF_DATABASE_URL for a backup of PostgreSQL, leave it empty for one of SQLite.",
        )
    if manifest.bucket != settings.bucket:
        raise Refused(
            f"The content of its runs is in {f'the bucket {manifest.bucket}' if manifest.bucket else 'the backup'}, "
            f"and SIGNOFF_BUCKET is {settings.bucket or 'empty'}.",
            code="backup_does_not_fit",
            hint="Set SIGNOFF_BUCKET and its neighbours as they were where the backup was made.",
        )


def _ensure_empty(home: Path) -> None:
    with suppress(FileNotFoundError):
        if there := sorted({path.name for path in home.iterdir()} - IGNORED):
            raise _not_empty(home, f"it has {there[0]}")


def _not_empty(home: Path, what: str) -> Refused:
    return Refused(
        f"The home {home} is not empty: {what}.",
        code="home_not_empty",
        hint="Name a folder that is empty or not there with SIGNOFF_HOME; nothing is ever overwritten.",
    )


def _keys(source: Path, manifest: BackupManifest, passphrase: str | None, without: bool) -> dict[str, bytes]:
    """Return the keys of a backup, before anything is written."""
    if manifest.keys == "none" or without:
        return {}
    if passphrase is None:
        raise Refused(
            "The backup has the keys of the installation, encrypted.",
            code="passphrase_needed",
            hint="Give its passphrase with --passphrase-file, or --without-keys.",
        )
    try:
        if hash_file(source / SEALED) != manifest.files.get(SEALED):
            raise damaged(SEALED)
    except FileNotFoundError as error:
        raise damaged(SEALED) from error
    return unseal_keys((source / SEALED).read_bytes(), passphrase)


async def _copy(source: Path, staging: Path, manifest: BackupManifest, progress: Callable[[str], None]) -> None:
    """Copy every file but tables and keys, and compare each with the manifest."""
    names = [name for name in manifest.files if name != SEALED and not name.startswith(f"{TABLES}/")]
    for number, name in enumerate(names):
        if number % EVERY == 0:
            progress(f"files {number}/{len(names)}")
        try:
            copied = await asyncio.to_thread(copy_file, source / name, staging / name)
        except FileNotFoundError as error:
            raise damaged(name) from error
        if copied != manifest.files[name]:
            raise damaged(name)
    for name in manifest.folders:
        await asyncio.to_thread((staging / name).mkdir, mode=0o700, parents=True, exist_ok=True)


def _staging(home: Path) -> Path:
    """Make the folder that becomes the home: beside it, or in it where it is a file system of its own."""
    home.parent.mkdir(parents=True, exist_ok=True)
    name = f".{home.name}.{secrets.token_hex(4)}.restoring"
    staging = home / name if home.is_mount() else home.absolute().parent / name
    staging.mkdir(mode=0o700)
    return staging


def _place(staging: Path, settings: Settings) -> None:
    """Give everything its name. On a file system of its own the rows come last: without them there is no home."""
    home = settings.home
    os.sync()  # a home that a power cut takes parts of would not be noticed
    if (witness := settings.audit_witness) is not None:
        # A witness that is still there knows more than the backup, and it is not for us to make it forget.
        if not any(plain_files(witness)):
            for path in list(plain_files(staging / AUDIT)):
                copy_file(path, witness / path.name)
        shutil.rmtree(staging / AUDIT, ignore_errors=True)
    if staging.parent == home:
        for path in sorted(staging.iterdir(), key=lambda each: each.name == ROWS):
            path.rename(home / path.name)
        return
    try:
        # Replaces an empty folder, and no other.
        staging.rename(home)
    except OSError as error:
        _ensure_empty(home)
        raise _not_empty(home, str(error)) from error


def _write_key(path: Path, key: bytes) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(key)
