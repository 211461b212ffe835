"""Layer of an environment: what a set-up sandbox sends, made into an archive that an engine may unpack.

What comes from a sandbox is never unpacked as it is. Of it are taken regular files, folders and links below one folder,
owned by root, without special bits, each path once and none behind a link.
"""

import tarfile
from collections.abc import Iterator, Sequence
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


def sealed_layer(
    sent: IO[bytes], made: IO[bytes], *, below: str, most_bytes: int, forbidden: Sequence[bytes] = ()
) -> LayerSize:
    """Copy an archive, leaving out whatever an environment has no use for.

    Args:
        sent: a tar stream from a sandbox.
        made: where the sound archive is written.
        below: the only folder that may be in it, like ``opt/env``.
        most_bytes: of all files together.
        forbidden: what may stand in no file, name or link: credentials that the set-up had.

    Raises:
        Refused: ``setup_failed``: it is no archive, or too large; ``setup_leaked``.
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
                data = theirs.extractfile(sent_member) if member.isreg() else None
                if forbidden:
                    named = f"{member.name}\n{member.linkname}".encode(errors="surrogateescape")
                    if any(needle in named for needle in forbidden):
                        raise _leaked("the name of a file")
                ours.addfile(member, _Watched(data, forbidden, member.name) if data and forbidden else data)
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


class _Watched:
    """A file that is copied only so far as none of the forbidden words stands in it, also across two reads."""

    def __init__(self, data: IO[bytes], forbidden: Sequence[bytes], name: str) -> None:
        self._data, self._forbidden, self._name = data, forbidden, name
        self._before, self._keep = b"", max(map(len, forbidden)) - 1

    def read(self, length: int = -1, /) -> bytes:
        piece = self._data.read(length)
        seen = self._before + piece
        if any(needle in seen for needle in self._forbidden):
            raise _leaked(self._name)
        self._before = seen[-self._keep :] if self._keep else b""
        return piece


def _leaked(where: str) -> Refused:
    return Refused(
        f"The environment was not kept: a credential of a package index stands in {where}.",
        code="setup_leaked",
        hint="Something that is installed writes it down; use a token that can only read, and change it now.",
    )


def _failed(why: str) -> Refused:
    return Refused(
        f"The environment was not kept: {why}.",
        code="setup_failed",
        hint="Install less, or raise SIGNOFF_SETUP_MB; see: signoff sandbox setup",
    )
