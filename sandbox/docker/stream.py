"""Stream of bytes to and from PID 1 of a container, over the attached socket."""

import asyncio
import socket
from collections.abc import AsyncIterator
from struct import Struct
from typing import Any

from sandbox.docker import errors

# Docker's framing of an attached container: stream, three zero bytes, length (Engine API, attach).
_MUX = Struct(">BxxxL")
_STDOUT = 1
_READ = 256 << 10


class DockerWire:
    """The attached socket of one container, its output freed of Docker's own framing."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.complaint = b""
        """What PID 1 wrote to stderr last, for our own log."""

    async def incoming(self) -> AsyncIterator[bytes]:
        """See ``Wire.incoming``."""
        held = bytearray()
        while data := await self._reader.read(_READ):
            held += data
            while len(held) >= _MUX.size:
                stream, size = _MUX.unpack_from(held)
                end = _MUX.size + size
                if len(held) < end:
                    break
                part = bytes(held[_MUX.size : end])
                del held[:end]
                if stream == _STDOUT:
                    yield part
                else:
                    self.complaint = (self.complaint + part)[-4_096:]

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def close(self) -> None:
        self._writer.close()


async def over(raw: Any) -> DockerWire:
    """Take over the socket that docker-py attached. Raises ``Refused`` where it has none of its own."""
    held = getattr(raw, "_sock", raw)
    if not isinstance(held, socket.socket):
        raise errors.no_raw_socket()
    # Taken from docker-py, which closes its own when the answer is collected.
    own = socket.socket(fileno=held.detach())
    own.setblocking(False)
    reader, writer = await asyncio.open_connection(sock=own, limit=4 << 20)
    return DockerWire(reader, writer)
