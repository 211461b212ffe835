"""Channel to a sandbox, the orchestrator's end: requests out, answers back, whatever carries the bytes.

One reader task takes marked frames in and gives each to the request it answers. Anything that is not
a frame from our own PID 1 loses the sandbox: every request then fails with ``SandboxLost``, and
nothing of it is ever shown as output of a command.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Literal, Protocol

from domain import SandboxLost
from sandbox.inside.frames import CHUNK, BrokenFrame, Unpacker, pack

Answer = tuple[dict[str, Any], bytes]
Heard = Callable[[Literal["stdout", "stderr"], bytes], None]


class Wire(Protocol):
    """What carries bytes to PID 1 and back."""

    def incoming(self) -> AsyncIterator[bytes]:
        """Yield what PID 1 writes, as it comes; ends when it is gone. Raises ``OSError``, ``WireBroken`` among them."""
        ...

    async def send(self, data: bytes) -> None: ...

    def close(self) -> None: ...


class WireBroken(OSError):
    """What carried bytes ended, and what it was about is known."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class PendingRequest:
    """A request that has not been answered yet."""

    def __init__(self, heard: Heard | None) -> None:
        self.answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._heard = heard
        self._pieces: list[bytes] = []

    def take(self, header: dict[str, Any], payload: bytes) -> bool:
        """Take one frame of the answer; True when it was the last."""
        if header["ev"] == "data":
            self._pieces.append(payload)
            return False
        if header["ev"] == "out":
            if self._heard is not None:
                self._heard("stdout" if header["fd"] == 1 else "stderr", payload)
            return False
        if not self.answer.done():
            self.answer.set_result((header, b"".join([*self._pieces, payload])))
        return True

    def fail(self, error: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(error)
            self.answer.exception()  # whoever waits gets it; nobody waiting is fine too


class RunnerChannel:
    """Requests to the runner (PID 1 of a sandbox) and its answers, any number at once over one wire."""

    def __init__(self, wire: Wire, key: bytes) -> None:
        self._wire = wire
        self._frames = Unpacker(key)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, PendingRequest] = {}
        self._hello: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._lost: str | None = None
        self.on_net: Callable[[dict[str, Any], bytes], None] | None = None
        """Takes frames of the tunnel, once it is open."""
        self._sending = asyncio.Lock()
        self._reader = asyncio.create_task(self._read())

    @property
    def alive(self) -> bool:
        return self._lost is None

    async def start(self, boot: bytes, *, timeout_s: float) -> dict[str, Any]:
        """Send what the runner is made of and wait for its greeting."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._send(boot)
                return await self._hello
        except TimeoutError as error:
            self.lose("the runner did not start")
            raise self._error() from error

    async def ask(
        self, header: dict[str, Any], contents: bytes | None = None, *, timeout_s: float, heard: Heard | None = None
    ) -> Answer:
        """Send a request, with its contents in as many frames as they need, and wait for the answer.

        Cancelling the caller sends ``kill`` for this request.

        Raises:
            SandboxLost: no answer within ``timeout_s``, or no answer any more.
        """
        number = next(self._numbers)
        # Known before the first frame leaves: a refusal may come before the last one is sent.
        waiting = self._waiting[number] = PendingRequest(heard)
        try:
            async with asyncio.timeout(timeout_s):
                for frame in _frames({**header, "id": number}, contents):
                    await self._send(frame)
                return await waiting.answer
        except TimeoutError as error:
            # PID 1 ends every command in time by itself: one that says nothing is frozen or gone.
            self.lose(f"no answer within {timeout_s:.0f} s")
            raise self._error() from error
        except asyncio.CancelledError:
            with contextlib.suppress(SandboxLost):
                await self._send(pack({"op": "kill", "id": number}))
            raise
        finally:
            self._waiting.pop(number, None)

    async def tell(self, header: dict[str, Any], payload: bytes = b"") -> None:
        """Send a frame that has no answer."""
        await self._send(pack(header, payload))

    def lose(self, why: str) -> None:
        """Give the sandbox up."""
        if self._lost is not None:
            return
        self._lost = why
        self._wire.close()
        for waiting in self._waiting.values():
            waiting.fail(self._error())
        if not self._hello.done():
            self._hello.set_exception(self._error())
            self._hello.exception()

    async def close(self) -> None:
        self.lose("it was closed")
        self._reader.cancel()
        await asyncio.gather(self._reader, return_exceptions=True)

    def _error(self) -> SandboxLost:
        hint = "The work is safe in its last snapshot; it is restored when the run goes on."
        return SandboxLost(f"The sandbox is gone: {self._lost}.", hint=hint)

    async def _send(self, frame: bytes) -> None:
        if self._lost is not None:
            raise self._error()
        try:
            async with self._sending:
                await self._wire.send(frame)
        except OSError as error:
            self.lose("its connection broke")
            raise self._error() from error

    async def _read(self) -> None:
        try:
            async for data in self._wire.incoming():
                for header, payload in self._frames.feed(data):
                    self._take(header, payload)
        except (BrokenFrame, KeyError, TypeError, ValueError) as error:
            self.lose(f"it broke its protocol ({error})")
        except WireBroken as broken:
            self.lose(broken.why)
        except OSError:
            self.lose("its connection broke")
        else:
            self.lose("its first process ended")

    def _take(self, header: dict[str, Any], payload: bytes) -> None:
        if header["ev"] == "hello":
            if self._hello.cancelled():  # whoever waited for it may have given up
                return
            if self._hello.done():
                raise BrokenFrame("a second greeting")
            self._hello.set_result(header)
            return
        if header["ev"] == "net":
            # PID 1 opens its port when we ask it to, so a sealed sandbox has nothing to send here.
            if self.on_net is None:
                raise BrokenFrame("a connection that nobody allowed")
            self.on_net(header, payload)
            return
        waiting = self._waiting.get(header["id"])
        if waiting is not None and waiting.take(header, payload):
            del self._waiting[header["id"]]


def _frames(header: dict[str, Any], contents: bytes | None) -> Iterator[bytes]:
    """Cut a request into frames. A command reads its contents; a file is made of them."""
    if contents is None:
        yield pack(header)
        return
    if header["op"] == "run":
        yield pack({**header, "stdin": True})
        header = {"op": "stdin", "id": header["id"]}
    last = max(0, (len(contents) - 1) // CHUNK) * CHUNK
    for start in range(0, last + 1, CHUNK):
        yield pack({**header, "last": start == last}, contents[start : start + CHUNK])
