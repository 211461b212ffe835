"""Wire protocol: length-prefixed JSON between the search and the hosts of the tests, over a Unix socket."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import socket

Message = dict[str, Any]

_HEAD = struct.Struct(">I")


def send(sock: socket.socket, message: Message) -> None:
    """Send one message. Raises OSError when the other side is gone."""
    data = json.dumps(message).encode()
    sock.sendall(_HEAD.pack(len(data)) + data)


class Inbox:
    """Makes messages of the bytes that arrive."""

    def __init__(self) -> None:
        self._data = bytearray()

    def feed(self, data: bytes) -> Iterator[Message]:
        """Take bytes, give every message that is now complete."""
        self._data += data
        while len(self._data) >= _HEAD.size:
            (size,) = _HEAD.unpack_from(self._data)
            end = _HEAD.size + size
            if len(self._data) < end:
                return
            body = bytes(self._data[_HEAD.size : end])
            del self._data[:end]
            yield json.loads(body)
