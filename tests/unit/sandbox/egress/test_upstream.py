"""A sandbox behind a company's proxy: our rules first, then the proxy's; what the proxy says stays outside."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from sandbox.egress.policy import Egress, EgressRecord
from sandbox.egress.proxy import Proxy
from tests.unit.sandbox.egress.hellos import Inside, hello

LOGIN = base64.b64encode(b"ann:p@ss").decode()


@dataclass(slots=True)
class CompanyProxy:
    """Answers with these bytes, and then passes on what it hears."""

    answer: bytes
    heads: list[str] = field(default_factory=list[str])
    heard: bytes = b""
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        writer.write(self.answer)
        await writer.drain()
        while self.answer.endswith(b"\r\n\r\n") and b" 200 " in self.answer and (data := await reader.read(65_536)):
            self.heard += data
            writer.write(b"answer")
            await writer.drain()
        writer.close()


@asynccontextmanager
async def company_proxy(answer: bytes) -> AsyncGenerator[CompanyProxy]:
    proxy = CompanyProxy(answer)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    async with server:
        yield proxy


class Client(Inside):
    """Says hello when it is connected, and leaves with the answer."""

    def __init__(self, host: str) -> None:
        super().__init__(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
        self.greeting = hello(host)

    def _told(self, number: int, kind: str, data: bytes, size: int) -> None:
        super()._told(number, kind, data, size)
        if kind == "data" and b" 200 " in data:
            self.say(self.greeting)
        elif kind == "data":
            self.leave()


async def unknown(host: str, port: int) -> list[str]:
    raise AssertionError(f"{host}:{port} was looked up here: nobody in this network knows it")


async def served(company: CompanyProxy, host: str = "index.example") -> tuple[Client, list[EgressRecord]]:
    records: list[EgressRecord] = []
    proxy = Proxy(
        Egress(hosts=("index.example",)),
        run="r",
        sandbox="s",
        witness=records.append,
        resolve=unknown,
        proxy_for=lambda url: f"http://ann:p%40ss@127.0.0.1:{company.port}" if "index" in url else "",
    )
    inside = Client(host)
    await asyncio.wait_for(proxy.serve(inside.connection), 20)
    return inside, records


async def test_what_the_rules_allow_goes_through_the_proxy_with_its_login_and_no_name_is_looked_up_here() -> None:
    async with company_proxy(b"HTTP/1.1 200 Fine\r\nX-Secret: of the company\r\n\r\n") as company:
        inside, records = await served(company)
        (head,) = company.heads
        assert head.startswith("CONNECT index.example:443 HTTP/1.1\r\nHost: index.example:443\r\n")
        assert head.endswith(f"\r\nProxy-Authorization: Basic {LOGIN}\r\n\r\n")
        assert company.heard == inside.greeting
        assert inside.got.startswith(b"HTTP/1.1 200 Connection established\r\n\r\nanswer")
        assert b"Secret" not in inside.got
        assert [record.verdict for record in records] == ["allowed"]


async def test_what_the_rules_refuse_never_reaches_the_proxy() -> None:
    async with company_proxy(b"HTTP/1.1 200 Fine\r\n\r\n") as company:
        inside, records = await served(company, "other.example")
        assert b"403" in inside.got
        assert company.heads == []
        assert records[0].verdict == "refused"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 407 Who\r\n\r\n", "refuses index.example:443 (407)"),
        (b"HTTP/1.1 503 <html>the company's page\r\n\r\n", "refuses index.example:443 (503)"),
        (b"HTTP/1.1 2000 Fine\r\n\r\n", "refuses index.example:443 (2000)"),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "answers with no HTTP"),
        (b"", "does not answer"),
        (b"HTTP/1.1 200 Fi", "does not answer"),
        (b"HTTP/1.1 200 Fine\r\n" + b"X: y\r\n" * 20_000, "does not answer"),
    ],
)
async def test_a_proxy_that_refuses_or_babbles_ends_the_connection_with_a_reason(answer: bytes, why: str) -> None:
    async with company_proxy(answer) as company:
        inside, records = await served(company)
        assert b"502 Bad Gateway" in inside.got
        assert why in records[0].reason
        assert b"company's page" not in inside.got
        assert "p@ss" not in str(records)
