"""Small things that claim to be huge."""

import hashlib
import zlib


def delta_bomb() -> bytes:
    """A pack: a blob of 1 MB, 16 MB made of it, and 16 GB made of that."""
    base = bytes(1 << 20)
    once = 16 << 20
    first, sizes = _entry(3, len(base), zlib.compress(base)), [1 << 20, once, once * 1_000]
    name = hashlib.sha1(b"blob %d\0" % len(base) + base, usedforsecurity=False).digest()
    copied = _varint(sizes[0]) + _varint(sizes[1]) + bytes([0x80 | 0x40, 0x10]) * 16
    one = _entry(7, len(copied), name + zlib.compress(copied))
    bigger = bytes(once)
    name = hashlib.sha1(b"blob %d\0" % once + bigger, usedforsecurity=False).digest()
    copied = _varint(sizes[1]) + _varint(sizes[2]) + bytes([0x80 | 0x40, 0xFF]) * 1_000
    two = _entry(7, len(copied), name + zlib.compress(copied))
    whole = b"PACK" + (2).to_bytes(4, "big") + (3).to_bytes(4, "big") + first + one + two
    return whole + hashlib.sha1(whole, usedforsecurity=False).digest()


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def _entry(kind: int, size: int, rest: bytes) -> bytes:
    first, size = kind << 4 | size & 15, size >> 4
    return (bytes([first | 0x80]) + _varint(size) if size else bytes([first])) + rest
