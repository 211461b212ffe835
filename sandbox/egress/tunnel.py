"""Tunnel, the orchestrator's end: connections made of frames."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from domain import SandboxLost
from sandbox.channel import RunnerChannel
from sandbox.inside.frames import BrokenFrame
from sandbox.inside.tunnel import WINDOW

_CHUNK = 64 << 10
_SLACK = 128 << 10
_CLOSE_S = 2.0


class EgressConnection:
    """One connection that was made inside."""

    def __init__(self, number: int, tell: Callable[[int, str, bytes, int], None]) -> None:
        self._number, self._tell = number, tell
        self._held = bytearray()
        self._ended = self._gone = False
        self._in_flight = 0
        self._moved = asyncio.Event()

    async def read(self) -> bytes:
        """Return what the process sent; empty when it sends no more."""
        while not self._held and not self._ended:
            await self._wait()
        data = bytes(self._held)
        self._held.clear()
        if data and not self._gone:
            self._tell(self._number, "ack", b"", len(data))
        return data

    async def write(self, data: bytes) -> None:
        """Send to the process, no faster than it reads."""
        for start in range(0, len(data), _CHUNK):
            part = data[start : start + _CHUNK]
            while self._in_flight + len(part) > WINDOW and not self._gone:
                await self._wait()
            if self._gone:
                raise ConnectionResetError("closed inside")
            self._in_flight += len(part)
            self._tell(self._number, "data", part, 0)

    def end(self) -> None:
        """Send no more."""
        if not self._gone:
            self._tell(self._number, "end", b"", 0)

    async def close(self) -> None:
        """Let the process read what was sent, then close, whatever it does."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                self.end()
                while await self.read():
                    pass
        if not self._gone:
            self._tell(self._number, "drop", b"", 0)

    def take(self, header: dict[str, Any], payload: bytes) -> None:
        """Take a frame of this connection."""
        kind = header["kind"]
        if kind == "data":
            self._held += payload
            # Our PID 1 keeps to the window; who does not, would fill our memory.
            if len(self._held) > WINDOW + _SLACK:
                raise BrokenFrame("more than the window")
        elif kind == "ack":
            self._in_flight -= header["bytes"]
        else:
            self._ended = True
            self._gone = self._gone or kind == "gone"
        self._moved.set()

    async def _wait(self) -> None:
        self._moved.clear()
        await self._moved.wait()


class EgressTunnel:
    """Every connection of one sandbox; each is served by a task of its own."""

    def __init__(self, channel: RunnerChannel, serve: Callable[[EgressConnection], Awaitable[None]]) -> None:
        self._channel, self._serve = channel, serve
        self._connections: dict[int, EgressConnection] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._out: asyncio.Queue[tuple[dict[str, Any], bytes]] = asyncio.Queue()

    async def open(self) -> None:
        """Let the sandbox connect. Raises ``SandboxLost``."""
        self._channel.on_net = self._take
        self._do(self._send())
        await self._channel.ask({"op": "tunnel"}, timeout_s=10.0)

    async def close(self) -> None:
        """End every connection."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _take(self, header: dict[str, Any], payload: bytes) -> None:
        number = header["conn"]
        if header["kind"] == "open":
            connection = self._connections[number] = EgressConnection(number, self._tell)
            self._do(self._serve(connection))
            return
        connection = self._connections.get(number)
        if connection is not None:
            connection.take(header, payload)
            if header["kind"] == "gone":
                del self._connections[number]

    def _tell(self, number: int, kind: str, data: bytes, size: int) -> None:
        self._out.put_nowait(({"op": "net", "conn": number, "kind": kind, "bytes": size}, data))

    async def _send(self) -> None:
        """Send in order; what is queued is bounded by the windows."""
        while True:
            header, data = await self._out.get()
            try:
                await self._channel.tell(header, data)
            except SandboxLost:
                return

    def _do(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
