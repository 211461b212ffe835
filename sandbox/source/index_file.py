"""git's index as data: read, changed and written without git. Pure.

Format: gitformat-index(5), versions 2 to 4. Written is version 2, or 3 where an entry needs it, without the
extensions that only make git faster. An index that is split in two or has folders as entries is not written.
"""

import hashlib
import os
import struct
from collections.abc import Iterable
from dataclasses import dataclass, replace

INDEX_BYTES = 512 << 20
"""As large as an index may be."""
_HEAD = struct.Struct(">4sII")
_ENTRY = struct.Struct(">10I20sH")
_DIGEST = 20
_EXTENDED = 0x4000
_LONG_NAME = 0xFFF
_MASK = 0xFFFFFFFF


class IndexInvalid(Exception):
    """These bytes are no index that can be read here."""


@dataclass(frozen=True, slots=True)
class IndexEntry:
    """One file as git last saw it."""

    path: bytes
    mode: int
    id: str
    stat: tuple[int, ...] = (0,) * 9
    """ctime (seconds, nanoseconds), mtime (the same), device, inode, uid, gid, size; each modulo 2^32."""
    flags: int = 0
    """Assumed valid (0x8000) and the stage (0x3000), without the length of the name."""
    more: int = 0
    """Skipped by a sparse checkout (0x4000), meant to be added later (0x2000)."""

    @property
    def stage(self) -> int:
        return (self.flags >> 12) & 3

    @property
    def skipped(self) -> bool:
        return bool(self.more & 0x4000)

    @property
    def promised(self) -> bool:
        """``git add --intent-to-add``: the name is known, the content is not."""
        return bool(self.more & 0x2000)

    def matches(self, seen: os.stat_result) -> bool:
        """Tell whether the file is as it was when git put it here: same times, size and place."""
        ctime, _, mtime, mtime_ns, _, inode, _, _, size = self.stat
        seconds, nanoseconds = divmod(seen.st_mtime_ns, 10**9)
        return (
            size == seen.st_size & _MASK
            and mtime == seconds & _MASK
            and mtime_ns in {0, nanoseconds}
            and ctime == int(seen.st_ctime) & _MASK
            and inode in {0, seen.st_ino & _MASK}
        )

    def seen(self, seen: os.stat_result) -> "IndexEntry":
        """Return the entry with what the file looks like now."""
        ctime, mtime = divmod(seen.st_ctime_ns, 10**9), divmod(seen.st_mtime_ns, 10**9)
        values = (*ctime, *mtime, seen.st_dev, seen.st_ino, seen.st_uid, seen.st_gid, seen.st_size)
        return replace(self, stat=tuple(value & _MASK for value in values))


@dataclass(frozen=True, slots=True)
class Index:
    """All of an index that matters."""

    entries: tuple[IndexEntry, ...] = ()
    partial: str = ""
    """Why it cannot be written anew; empty: it can."""


def read_index(data: bytes) -> Index:
    """Parse the bytes of an index file.

    Raises:
        IndexInvalid: they are none, or of a version that is not known.
    """
    try:
        return _parse(data)
    except (struct.error, IndexError, ValueError) as error:
        raise IndexInvalid(f"the index is cut off or damaged: {error}") from error


def _parse(data: bytes) -> Index:
    if len(data) < _HEAD.size + _DIGEST:
        raise ValueError("too short")
    signature, version, count = _HEAD.unpack_from(data)
    if signature != b"DIRC" or version not in {2, 3, 4}:
        raise ValueError(f"version {version}")
    end = len(data) - _DIGEST
    # Zeros stand for no checksum: ``index.skipHash`` since git 2.40.
    if data[end:].strip(b"\0") and hashlib.sha1(data[:end], usedforsecurity=False).digest() != data[end:]:
        raise ValueError("wrong checksum")
    at, before, entries, room = _HEAD.size, b"", list[IndexEntry](), (1 << 20) + 16 * len(data)
    for _ in range(count):
        entry, at = _entry(data, at, before, version)
        before = entry.path
        entries.append(entry)
        # Names of version 4 share what came before them: a few bytes could claim a megabyte each.
        room -= len(before)
        if room < 0:
            raise ValueError("names that are longer than the file")
    return Index(tuple(entries), partial=_partial(data, at, end))


def _entry(data: bytes, at: int, before: bytes, version: int) -> tuple[IndexEntry, int]:
    *numbers, digest, flags = _ENTRY.unpack_from(data, at)
    start, at, more = at, at + _ENTRY.size, 0
    if flags & _EXTENDED:
        (more,) = struct.unpack_from(">H", data, at)
        at += 2
    if version == 4:  # noqa: PLR2004
        strip, at = offset_varint(data, at)
        if strip > len(before):
            raise ValueError("a name shares more than there is")
        stop = data.index(b"\0", at)
        path, after = before[: len(before) - strip] + data[at:stop], stop + 1
    else:
        stop = data.index(b"\0", at)
        path = data[at:stop]
        # Filled up with one to eight zero bytes.
        after = start + ((stop - start) // 8 + 1) * 8
    stat = (*numbers[:6], *numbers[7:10])
    return IndexEntry(path, numbers[6], digest.hex(), stat, flags & 0xB000, more), after


def offset_varint(data: bytes, at: int) -> tuple[int, int]:
    """Git's offset encoding, as in packs."""
    byte = data[at]
    value = byte & 0x7F
    while byte & 0x80:
        at += 1
        byte = data[at]
        value = ((value + 1) << 7) | (byte & 0x7F)
        if value > 1 << 20:
            raise ValueError("a name that is too long")
    return value, at + 1


def _partial(data: bytes, at: int, end: int) -> str:
    """Look at the extensions: those with a small first letter must not be ignored."""
    while at + 8 <= end:
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
        if name == b"link":
            return "is split in two (git update-index --no-split-index)"
        if name == b"sdir":
            return "is sparse (git sparse-checkout reapply --no-sparse-index)"
        if not name[:1].isupper():
            return f"has an extension that is not known: {name!r}"
        at += 8 + size
    return ""


def write_index(entries: Iterable[IndexEntry]) -> bytes:
    """Return the bytes of an index file with these entries."""
    rows = sorted(entries, key=lambda entry: (entry.path, entry.stage))
    version = 3 if any(entry.more for entry in rows) else 2
    parts = [_HEAD.pack(b"DIRC", version, len(rows))]
    for entry in rows:
        flags = entry.flags | min(len(entry.path), _LONG_NAME) | (_EXTENDED if entry.more else 0)
        stat = entry.stat
        raw = _ENTRY.pack(*stat[:6], entry.mode, *stat[6:], bytes.fromhex(entry.id), flags)
        raw += struct.pack(">H", entry.more) if entry.more else b""
        raw += entry.path
        # One to eight zero bytes, so that every name has an end.
        parts.append(raw + b"\0" * (8 - len(raw) % 8))
    data = b"".join(parts)
    return data + hashlib.sha1(data, usedforsecurity=False).digest()
