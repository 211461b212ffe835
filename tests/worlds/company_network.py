"""A company's network: names that only its proxy knows, and an authority that only its own people trust.

A proxy that understands CONNECT and asks for a login, and one server of TLS behind it that answers every request with
an empty JSON object. Both write down who came.
"""

import asyncio
import base64
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.worlds.package_index import HOST, certificates

USER, PASSWORD = "signoff", "p@ss-of-the-proxy"


@dataclass(slots=True)
class CompanyNetwork:
    """What is there, and what was asked."""

    proxy_port: int
    server_port: int
    ca: Path
    tunnels: list[str] = field(default_factory=list[str])
    """What the proxy was asked to connect to."""
    requests: list[str] = field(default_factory=list[str])
    """Paths that the server was asked for, each with its verb."""
    strangers: int = 0
    """Requests to the proxy without its login."""

    @property
    def proxy(self) -> str:
        return f"http://{USER}:p%40ss-of-the-proxy@127.0.0.1:{self.proxy_port}"

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.server_port}"


@asynccontextmanager
async def company_network(folder: Path) -> AsyncGenerator[CompanyNetwork]:
    authority, chain = certificates(folder)
    ca = folder / "authority.pem"
    ca.write_text(authority)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    network = CompanyNetwork(proxy_port=0, server_port=0, ca=ca)
    login = f"basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            network.requests.append(" ".join(head.split(" ", 2)[:2]))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n")
            writer.write(b"Connection: close\r\n\r\n{}")
            await writer.drain()
        writer.close()

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            lines = [line.partition(": ") for line in head.split("\r\n")[1:]]
            if login.lower() not in {text.lower() for name, _, text in lines if name.lower() == "proxy-authorization"}:
                network.strangers += 1
                # git asks without its login first.
                writer.write(b"HTTP/1.1 407 Who Are You\r\nProxy-Authenticate: Basic realm=proxy\r\n")
                writer.write(b"Content-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
                writer.close()
                return
            network.tunnels.append(head.split(" ")[1])
            # Whatever the name: it leads to the only server of this network.
            there, here = await asyncio.open_connection("127.0.0.1", network.server_port)
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            await asyncio.gather(_pass(reader, here), _pass(there, writer))

    served = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    proxied = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    network.server_port = served.sockets[0].getsockname()[1]
    network.proxy_port = proxied.sockets[0].getsockname()[1]
    async with served, proxied:
        yield network


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()
