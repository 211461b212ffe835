"""A web server on loopback that receives letters, and a courier that carries them there."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from approvals.channels import SsrfGuard, Subscriptions, WebhookEndpoint, WebhookSender, new_client
from approvals.storage import StoredOutbox
from tests.worlds.approvals import World
from tests.worlds.hooks import OLD_SECRET, SECRET


@dataclass(slots=True)
class Receiver:
    """A web server on loopback that answers as it is told and keeps what it got."""

    answers: list[str]
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {key.lower(): text for key, _, text in (line.partition(": ") for line in head[1:] if line)}
        self.got.append((headers, await reader.readexactly(int(headers["content-length"]))))
        answer = self.answers.pop(0)
        writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(*answers: str) -> AsyncGenerator[Receiver]:
    receiver = Receiver(answers=list(answers))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


@asynccontextmanager
async def sender(
    world: World, url: str, *, allow: Sequence[str] = ("127.0.0.0/8",), **other: object
) -> AsyncGenerator[WebhookSender]:
    endpoint = WebhookEndpoint(name="all", url=url, secrets=(SECRET, OLD_SECRET))
    async with new_client() as client:
        made = WebhookSender(
            outbox=StoredOutbox(engine=world.engine, clock=world.stage.clock),
            subscriptions=Subscriptions(all=(endpoint,)),
            guard=SsrfGuard(allow=allow),
            client=client,
            clock=world.stage.clock,
            link=lambda letter: f"https://signoff.example/a/{letter.ballot}",
            random=lambda: 0.0,
        )
        yield replace(made, **other)


async def parcels(world: World, **where: object) -> Sequence[object]:
    return await StoredOutbox(engine=world.engine, clock=world.stage.clock).list("acme", **where)
