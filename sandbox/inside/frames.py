"""Frames between the orchestrator and PID 1. Both sides use this file.

    frame = length of header (4) · length of payload (4) · header (JSON) · payload · [mark (8)]

Frames out of the sandbox carry a mark: keyed BLAKE2b over their number and content. Under gVisor a
process of the same user can write to PID 1's stdout; what it writes there, or repeats, or reorders,
has no valid mark, and the sandbox is thrown away.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from hashlib import blake2b
from hmac import compare_digest
from struct import Struct
from typing import Any

MARK = 8
MAX_HEADER = 2 << 20
MAX_PAYLOAD = 4 << 20
CHUNK = 1 << 20
"""Larger contents travel in several frames of this many bytes."""

_LENGTHS = Struct(">II")
Frame = tuple[dict[str, Any], bytes]


class BrokenFrame(Exception):
    """What came in is not what the other side sent."""


def pack(header: dict[str, Any], payload: bytes = b"") -> bytes:
    """Return one frame without a mark."""
    head = json.dumps(header, separators=(",", ":")).encode()
    if len(head) > MAX_HEADER or len(payload) > MAX_PAYLOAD:
        raise BrokenFrame("too large to send")
    return _LENGTHS.pack(len(head), len(payload)) + head + payload


def mark(key: bytes, number: int, frame: bytes) -> bytes:
    """Return the 8 bytes that only a holder of ``key`` can make for the frame with this number."""
    state = blake2b(number.to_bytes(8, "big"), key=key, digest_size=MARK)
    state.update(frame)
    return state.digest()


class Unpacker:
    """Bytes in, frames out. With a key, every frame must carry its mark."""

    def __init__(self, key: bytes = b"") -> None:
        self._key = key
        self._number = 0
        self._held = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes in and return the frames they complete.

        Raises:
            BrokenFrame: a length, a mark or a header is not right. There is no way to go on after it.
        """
        self._held += data
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> Frame | None:
        if len(self._held) < _LENGTHS.size:
            return None
        head, body = _LENGTHS.unpack_from(self._held)
        # Before its bytes are waited for: a forged length would have us keep gigabytes.
        if head > MAX_HEADER or body > MAX_PAYLOAD:
            raise BrokenFrame("a frame is too long")
        end = _LENGTHS.size + head + body
        whole = end + (MARK if self._key else 0)
        if len(self._held) < whole:
            return None
        frame = bytes(self._held[:end])
        if self._key and not compare_digest(mark(self._key, self._number, frame), bytes(self._held[end:whole])):
            raise BrokenFrame("a frame has no valid mark")
        del self._held[:whole]
        self._number += 1
        return _header(frame[_LENGTHS.size : _LENGTHS.size + head]), frame[_LENGTHS.size + head :]


def _header(data: bytes) -> dict[str, Any]:
    try:
        header = json.loads(data)
    except ValueError as error:
        raise BrokenFrame("a header is not JSON") from error
    if not isinstance(header, dict):
        raise BrokenFrame("a header is not an object")
    return header


class Out:
    """Frames out to stdout, numbered and marked."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._number = 0

    def send(self, header: dict[str, Any], payload: bytes = b"") -> None:
        frame = pack(header, payload)
        view = memoryview(frame + mark(self._key, self._number, frame))
        self._number += 1
        while view:
            view = view[os.write(1, view) :]
