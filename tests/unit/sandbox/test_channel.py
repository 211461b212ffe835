"""Channel to PID 1: what is no answer of a sound sandbox loses it at once, and nobody waits for what will not come."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain import SandboxLost
from sandbox.channel import RunnerChannel
from sandbox.inside.frames import mark, pack

KEY = b"k" * 32


class Line:
    """A wire whose far end is the test."""

    def __init__(self) -> None:
        self.far: asyncio.Queue[bytes] = asyncio.Queue()
        self.closed = False

    async def incoming(self) -> AsyncIterator[bytes]:
        while data := await self.far.get():
            yield data

    async def send(self, data: bytes) -> None:
        pass

    def close(self) -> None:
        self.closed = True


def frame(number: int, **header: object) -> bytes:
    whole = pack(header)
    return whole + mark(KEY, number, whole)


async def test_a_second_greeting_loses_the_sandbox_at_once() -> None:
    line = Line()
    channel = RunnerChannel(line, KEY)
    line.far.put_nowait(frame(0, ev="hello"))
    await channel.start(b"", timeout_s=5)
    asking = asyncio.create_task(channel.ask({"op": "ping"}, timeout_s=60))
    await asyncio.sleep(0)
    line.far.put_nowait(frame(1, ev="hello"))
    with pytest.raises(SandboxLost, match="broke its protocol"):
        await asyncio.wait_for(asking, 5)
    assert line.closed
    await channel.close()
