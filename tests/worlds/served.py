"""A whole service for tests: real uvicorn on loopback, real SDK clients, a graph that is quick and does nothing.

The graph is ours with its real questions: ``ask`` and ``wait`` open and read real ballots, ``deliver``
consumes them and writes one line into a file, so that a second delivery would be seen.
"""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvicorn
import uvloop
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from pydantic import SecretStr

from service.api import create_app
from service.cli.server import ADMIN, keep_for_good
from service.console import add_console
from service.wiring.application import Application, open_application
from service.wiring.server import ServerContext, open_server_context
from tests.worlds.cluster import FileGate, InTurn
from tests.worlds.house import settings
from tests.worlds.quick import idle_house


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A running service, and ways to talk to it."""

    url: str
    context: ServerContext
    key: str
    session: str
    """Of the person the admin key stands for."""
    port: int
    gate: Any
    book: Path
    stop: Callable[[], Awaitable[None]]
    stack: AsyncExitStack
    others: tuple[int, ...] = ()
    """Ports of more servers on the same database: requests go to all in turn."""

    def sdk(self, key: str | None = None) -> LangGraphClient:
        client = get_client(url=self.url, api_key=key or self.key)
        if self.others:
            client.http.client._transport = InTurn((self.port, *self.others))
        self.stack.push_async_callback(client.aclose)
        return client

    def http(self, key: str | None = None) -> httpx.AsyncClient:
        headers = {"authorization": f"Bearer {key or self.key}"} if key != "" else {}
        turns = InTurn((self.port, *self.others)) if self.others else None
        return httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20, transport=turns)

    @property
    def deliveries(self) -> list[str]:
        return self.book.read_text().split() if self.book.exists() else []


@asynccontextmanager
async def served(
    folder: Path,
    *,
    humans: int = 1,
    whole: bool = False,
    models: Any = None,
    port: int = 0,
    server: str = "",
    others: tuple[int, ...] = (),
    changed: Callable[[Application], Application] = lambda application: application,
    walks: bool = True,
    **given: Any,
) -> AsyncGenerator[Served]:
    """The service on a free port. ``whole``: the real nodes instead of the quick one; ``changed``: another house;
    ``server``: a PostgreSQL URL; ``walks`` False: without the loop that finds what was not woken."""
    # By its name: asyncio sends at once (TCP_NODELAY) only then, and every answer would take 40 ms more.
    bound = socket.socket(proto=socket.IPPROTO_TCP)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    port = bound.getsockname()[1]
    made = settings(
        folder, port=port, rate_per_minute=100_000, rate_per_minute_ip=100_000, database_url=SecretStr(server), **given
    )
    gate, book = FileGate(folder / "gate") if server else asyncio.Event(), folder / "deliveries"
    opened: asyncio.Future[tuple[ServerContext, str, str]] = asyncio.get_running_loop().create_future()

    @asynccontextmanager
    async def opening() -> AsyncGenerator[ServerContext]:
        async with open_application(made, models=None if made.model_base_url else models or {}) as opened_house:
            application = changed(opened_house if whole else idle_house(opened_house, book, gate, humans=humans))
            async with open_server_context(application, walks=walks) as context:
                key, text = await context.keys.make("local", "ann", name="admin", roles=ADMIN, personal=True)
                _, session = await context.keys.log_in(key, roles=await application.people.roles("local", "ann"))
                opened.set_result((context, text, session))
                yield context

    app = create_app(made, opening, also=(add_console,))
    config = uvicorn.Config(app, log_level="warning", lifespan="on", timeout_graceful_shutdown=2)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[bound]))

    async def stop() -> None:
        server.should_exit = True
        await serving

    done, _ = await asyncio.wait([opened, serving], return_when=asyncio.FIRST_COMPLETED)
    assert opened in done, serving.exception()
    context, key, session = opened.result()
    async with AsyncExitStack() as stack:
        stack.callback(bound.close)
        stack.push_async_callback(stop)
        stack.callback(gate.set)
        yield Served(
            url=f"http://127.0.0.1:{port}",
            port=port,
            others=others,
            context=context,
            key=key,
            session=session,
            gate=gate,
            book=book,
            stop=stop,
            stack=stack,
        )


async def main(folder: Path, port: int, given: str = "{}") -> None:
    """Serve in a process of its own, until it is killed; the key goes to standard output."""
    async with served(folder, port=port, **json.loads(given)) as running:
        keep_for_good()
        print(running.key, running.session, flush=True)  # noqa: T201
        await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:  # as ``signoff serve`` does
        runner.run(main(Path(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
