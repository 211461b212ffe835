"""Layer of an environment: what a set-up sandbox sends, made into an archive that an engine may unpack.

What comes from a sandbox is never unpacked as it is. Of it are taken regular files, folders and links below one folder,
owned by root, without special bits, each path once and none behind a link.
"""

import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import PurePosixPath
from typing import IO

from domain import Refused, value

MOST_ENTRIES = 500_000
_LONGEST = 4_000
_SPECIAL = 0o755


@value
class LayerSize:
    """What went into an archive."""

    entries: int
    data_bytes: int


def sealed_layer(sent: IO[bytes], made: IO[bytes], *, below: str, most_bytes: int) -> LayerSize:
    """Copy an archive, leaving out whatever an environment has no use for.

    Args:
        sent: a tar stream from a sandbox.
        made: where the sound archive is written.
        below: the only folder that may be in it, like ``opt/env``.
        most_bytes: of all files together.

    Raises:
        Refused: ``setup_failed``: it is no archive, or too large.
    """
    entries = data_bytes = 0
    try:
        with (
            tarfile.open(fileobj=sent, mode="r|", errorlevel=2) as theirs,
            tarfile.open(fileobj=made, mode="w|", format=tarfile.PAX_FORMAT) as ours,
        ):
            for sent_member, member in sound_members(theirs, below):
                entries, data_bytes = entries + 1, data_bytes + member.size
                if entries > MOST_ENTRIES or data_bytes > most_bytes:
                    raise _failed(f"the environment has more than {most_bytes >> 20} MiB or {MOST_ENTRIES:,} files")
                ours.addfile(member, theirs.extractfile(sent_member) if member.isreg() else None)
    except (tarfile.TarError, EOFError, ValueError, OSError) as error:
        raise _failed(f"what the sandbox sent is no archive ({error})") from error
    return LayerSize(entries=entries, data_bytes=data_bytes)


def sound_members(theirs: tarfile.TarFile, below: str) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarInfo]]:
    """The members that are taken, in their order: as they came, and as ours."""
    folders, files, links = {below}, set[str](), set[str]()
    for member in theirs:
        name = str(PurePosixPath(member.name.removeprefix("./")))
        parts = name.split("/")
        known = name in files or name in links or (name in folders and not member.isdir())
        if (
            known
            or not (name == below or name.startswith(f"{below}/"))
            or ".." in parts
            or len(name) > _LONGEST
            or any("/".join(parts[:depth]) in links | files for depth in range(1, len(parts)))
            or member.issparse()
            or "\0" in name
        ):
            continue
        folders.update("/".join(parts[:depth]) for depth in range(1, len(parts)))  # whether or not they are sent
        made = tarfile.TarInfo(name)
        made.mtime = max(0, min(int(member.mtime), 1 << 32))
        if member.isdir():
            folders.add(name)
            made.type, made.mode = tarfile.DIRTYPE, _SPECIAL
        elif member.isreg():
            files.add(name)
            made.size, made.mode = member.size, (member.mode & _SPECIAL & ~0o022) | 0o444
        elif member.issym() and len(member.linkname) <= _LONGEST:
            links.add(name)
            made.type, made.linkname, made.mode = tarfile.SYMTYPE, member.linkname, 0o777
        elif member.islnk() and (target := str(PurePosixPath(member.linkname.removeprefix("./")))) in files:
            files.add(name)
            made.type, made.linkname, made.mode = tarfile.LNKTYPE, target, 0o644
        else:
            continue
        with suppress(UnicodeEncodeError):
            name.encode()
            yield member, made


def _failed(why: str) -> Refused:
    return Refused(
        f"The environment was not kept: {why}.",
        code="setup_failed",
        hint="Install less, or raise SIGNOFF_SETUP_MB; see: signoff sandbox setup",
    )
