"""Manifest of a backup: what is in it, by size and hash, and which installation can take it.

It is written last. A folder without one is no backup, and a file that is not as it says is used for nothing.
"""

import hashlib
import json
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Final, Literal

from pydantic import Field, TypeAdapter, ValidationError

from domain import Refused, value

FORMAT: Final = 1
MANIFEST: Final = "manifest.json"


@value
class BackedUpFile:
    """A file of a backup, as it was written."""

    size_bytes: int
    sha256: str


@value
class BackupManifest:
    """What ``manifest.json`` says."""

    format: int = FORMAT
    version: str
    """Of the Signoff that made it."""
    database: Literal["sqlite", "postgresql"]
    revision: str
    """That its tables are at."""
    rows_at: datetime
    """When its rows were read. What happened later is not in it."""
    keys: Literal["none", "sealed"]
    bucket: str = ""
    """The bucket that has the content of runs that the backup has not; empty: there is none."""
    runs: int
    """Whose content the backup has."""
    files: dict[str, BackedUpFile] = Field(default_factory=dict[str, BackedUpFile])
    folders: tuple[str, ...] = ()
    """Those that are empty."""
    sequences: dict[str, int] = Field(default_factory=dict[str, int])
    """Of PostgreSQL: the last number that each gave out."""

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files.values())


_MANIFEST = TypeAdapter(BackupManifest)


def write_manifest(folder: Path, manifest: BackupManifest) -> None:
    """Write it beside what it is about, with a digest of itself."""
    body = _MANIFEST.dump_python(manifest, mode="json")
    text = json.dumps({"manifest": body, "sha256": digest_of(body)}, indent=1, ensure_ascii=False)
    (folder / MANIFEST).write_text(text, encoding="utf-8")


def read_manifest(folder: Path) -> BackupManifest:
    """Return what a backup says of itself.

    Raises:
        Refused: ``backup_incomplete``, ``backup_damaged``, or ``backup_newer``.
    """
    try:
        text = (folder / MANIFEST).read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Refused(
            f"{folder} is no backup, or one that did not come to its end: it has no {MANIFEST}.",
            code="backup_incomplete",
            hint="Name the folder that `signoff backup` printed.",
        ) from error
    try:
        document = json.loads(text)
        body = document["manifest"]
        if document["sha256"] != digest_of(body):
            raise damaged(MANIFEST)
        if body["format"] != FORMAT:
            raise newer(f"the form {body['format']}, and this version reads {FORMAT}")
        manifest = _MANIFEST.validate_python(body)
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        raise damaged(MANIFEST) from error
    for name in (*manifest.files, *manifest.folders):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts:
            raise damaged(name)
    return manifest


def damaged(name: str) -> Refused:
    """The error for a file that is not what was written."""
    return Refused(
        f"The backup is damaged: {name} is not as it was written.",
        code="backup_damaged",
        hint="Copy it again from where it was kept, or use an earlier one. Nothing was restored.",
    )


def newer(what: str) -> Refused:
    """The error for a backup of a version that this one does not know."""
    return Refused(
        f"The backup is of another version: it has {what}.",
        code="backup_newer",
        hint="Restore it with the version that made it, which its manifest.json names, or a later one.",
    )


def digest_of(body: object) -> str:
    """The digest of a manifest, whatever the order of its fields."""
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
