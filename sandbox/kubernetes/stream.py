"""Stream of bytes to and from PID 1 of a pod: the attach web socket, in the channels of ``v5.channel.k8s.io``."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final

from sandbox.channel import WireBroken

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

PROTOCOLS: Final = ("v5.channel.k8s.io", "v4.channel.k8s.io")
"""The first byte of a message is the channel. v5 can also close one of them, which is not needed: we hang up."""
_STDIN, _STDOUT, _STDERR, _ERROR = 0, 1, 2, 3
_PIECE: Final = 32 << 10
"""What kubectl sends at once; servers take more, proxies before them may not."""


class PodWire:
    """The attached stdin, stdout and stderr of one pod's container.

    Args:
        connection: the open web socket.
        why: asked once, when it ended without our doing: what became of the pod.
    """

    def __init__(self, connection: "ClientConnection", why: Callable[[str], Awaitable[str]]) -> None:
        self._connection, self._why = connection, why
        self._closed = False
        self.complaint = b""
        """What PID 1 wrote to stderr last, for our own log."""

    async def incoming(self) -> AsyncIterator[bytes]:
        """See ``Wire.incoming``. Never ends as if all were well: whatever ran then has no known outcome."""
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  an extra

        status = ""
        try:
            while True:
                message = await self._connection.recv()
                if isinstance(message, str) or not message:
                    continue
                channel, data = message[0], message[1:]
                if channel == _STDOUT:
                    yield data
                elif channel == _STDERR:
                    self.complaint = (self.complaint + data)[-4_096:]
                elif channel == _ERROR:
                    status = _message(data)
        except (ConnectionClosed, OSError):
            if self._closed:
                return
        raise WireBroken(await self._why(status))

    async def send(self, data: bytes) -> None:
        """See ``Wire.send``."""
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415

        view = memoryview(data)
        try:
            for start in range(0, len(data), _PIECE):
                await self._connection.send(bytes((_STDIN,)) + view[start : start + _PIECE])
        except ConnectionClosed as error:
            raise ConnectionResetError(str(error)) from error

    def close(self) -> None:
        """See ``Wire.close``. PID 1 reads an end, and ends."""
        self._closed = True
        self._connection.transport.abort()


def _message(data: bytes) -> str:
    """What a ``Status`` on the error channel says; empty for success."""
    try:
        status: Any = json.loads(data)
        return "" if status.get("status") == "Success" else str(status.get("message", ""))[:500]
    except (ValueError, AttributeError):
        return data.decode(errors="replace")[:500]
