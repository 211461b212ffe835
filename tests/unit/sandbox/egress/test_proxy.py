"""The proxy lets through what is allowed, within its budget, and tells the witness about everything."""

import asyncio

import pytest

from sandbox.egress.policy import Egress, EgressRecord
from sandbox.egress.proxy import Proxy
from tests.unit.sandbox.egress.hellos import Inside, hello

CONNECT = b"CONNECT index.example:%d HTTP/1.1\r\nHost: x\r\n\r\n"


class World:
    """A server on loopback that keeps what it hears, and a name server that we control."""

    def __init__(self) -> None:
        self.heard = b""
        self.answers = [["127.0.0.1"]]
        self.asked: list[str] = []
        self.port = 0
        self.passages: list[EgressRecord] = []

    async def serve(self, reader, writer) -> None:
        while data := await reader.read(65_536):
            self.heard += data
            writer.write(b"answer")
            await writer.drain()
        writer.close()

    async def resolve(self, host: str, port: int) -> list[str]:
        self.asked.append(host)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def proxy(self, patience_s=5.0, **rules) -> Proxy:
        given = {"hosts": (f"index.example:{self.port}",), "private": ("index.example",), **rules}
        return Proxy(
            Egress(**given),
            run="r",
            sandbox="s",
            witness=self.passages.append,
            resolve=self.resolve,
            patience_s=patience_s,
        )


@pytest.fixture
async def world():
    made = World()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    yield made
    server.close()
    await server.wait_closed()


async def serve(proxy: Proxy, inside: Inside) -> None:
    await asyncio.wait_for(proxy.serve(inside.connection), 20)


async def test_what_is_allowed_gets_through(world):
    inside = Inside(CONNECT % world.port)
    serving = asyncio.create_task(serve(world.proxy(), inside))
    await asyncio.sleep(0.05)
    inside.say(hello("index.example"))
    await asyncio.sleep(0.1)
    inside.leave()
    await serving
    assert inside.got == b"HTTP/1.1 200 Connection established\r\n\r\nanswer"
    assert b"index.example" in world.heard
    assert [(p.verdict, p.run, p.sandbox, p.target) for p in world.passages] == [
        ("allowed", "r", "s", f"index.example:{world.port}")
    ]
    assert world.passages[0].up == len(world.heard)
    assert world.passages[0].down == 6


@pytest.mark.parametrize(
    "first",
    [hello("evil.example"), hello(None), hello("sub.index.example"), b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-x\r\n"],
)
async def test_no_byte_goes_out_before_the_hello_names_the_host(world, first):
    inside = Inside(CONNECT % world.port)
    serving = asyncio.create_task(serve(world.proxy(), inside))
    await asyncio.sleep(0.05)
    inside.say(first)
    await serving
    assert world.heard == b""
    assert world.passages[0].verdict == "refused"
    assert world.passages[0].reason
    assert inside.dropped.is_set()


@pytest.mark.parametrize("target", [b"evil.example:443", b"127.0.0.1:443", b"index.example:1"])
async def test_what_is_not_allowed_is_not_even_looked_up(world, target):
    inside = Inside(b"CONNECT " + target + b" HTTP/1.1\r\n\r\n")
    await serve(world.proxy(), inside)
    assert inside.got.startswith(b"HTTP/1.1 403")
    assert world.asked == []
    assert world.passages[0].verdict == "refused"


@pytest.mark.parametrize("answer", [["127.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["::1"], ["169.254.169.254"], []])
async def test_a_name_that_lies_inside_is_refused(world, answer):
    world.answers = [answer]
    inside = Inside(CONNECT % world.port)
    await serve(world.proxy(private=()), inside)
    assert inside.got.startswith((b"HTTP/1.1 403", b"HTTP/1.1 502"))
    assert world.heard == b""


async def test_a_name_that_moves_after_the_check_gains_nothing(world):
    """Rebinding: the address that was checked is the one that is connected to."""
    world.answers = [["127.0.0.1"], ["127.0.0.2"]]
    inside = Inside(CONNECT % world.port)
    serving = asyncio.create_task(serve(world.proxy(), inside))
    await asyncio.sleep(0.05)
    inside.say(hello("index.example"))
    await asyncio.sleep(0.05)
    inside.leave()
    await serving
    assert world.asked == ["index.example"]


async def test_bytes_sent_along_with_the_request_are_refused(world):
    """Smuggling: what follows CONNECT before its answer."""
    inside = Inside(CONNECT % world.port + hello("index.example"))
    await serve(world.proxy(), inside)
    assert inside.got.startswith(b"HTTP/1.1 400")
    assert world.heard == b""


async def test_a_request_without_an_end_is_refused(world):
    inside = Inside(b"CONNECT " + b"x" * 9_000)
    await serve(world.proxy(), inside)
    assert inside.got.startswith(b"HTTP/1.1 400")


async def test_the_upload_budget_cuts(world):
    proxy = world.proxy(upload_bytes=10_000)
    inside = Inside(CONNECT % world.port)
    serving = asyncio.create_task(serve(proxy, inside))
    await asyncio.sleep(0.05)
    first = hello("index.example")
    inside.say(first)
    for _ in range(20):
        await asyncio.sleep(0.01)
        inside.say(b"s" * 1_000)
    await serving
    assert len(first) <= len(world.heard) <= 10_000
    assert "budget" in world.passages[0].reason
    again = Inside(CONNECT % world.port)
    serving = asyncio.create_task(serve(proxy, again))
    await asyncio.sleep(0.05)
    again.say(hello("index.example"))
    again.say(b"s" * 9_500)
    await serving
    assert len(world.heard) <= 10_000


async def test_there_is_an_end_to_connections(world):
    proxy = world.proxy(connections=1)
    for expected in (b"HTTP/1.1 200", b"HTTP/1.1 429"):
        inside = Inside(CONNECT % world.port)
        inside.leave()
        await serve(proxy, inside)
        assert inside.got.startswith(expected)


async def test_shut_is_shut(world):
    proxy = world.proxy()
    proxy.open = False
    inside = Inside(CONNECT % world.port)
    await serve(proxy, inside)
    assert inside.got.startswith(b"HTTP/1.1 403")


async def test_a_slow_one_is_not_waited_for(world):
    """Slowloris: a request that never ends."""
    inside = Inside(b"CON")
    await serve(world.proxy(patience_s=0.2), inside)
    assert world.passages[0].verdict == "refused"
