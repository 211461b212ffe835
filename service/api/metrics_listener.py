"""Metrics listener: ``/metrics`` of a server or a worker for Prometheus, on an address of its own and without a key.

Nothing else is answered there. It is loopback unless a setting says otherwise: the numbers are those of everybody.
"""

import asyncio
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from service.errors import refuse
from service.wiring.server import ServerContext


async def metrics_response(context: ServerContext) -> Response:
    """Prometheus' text format: this process, and how the installation stands."""
    page, kind = await context.metrics_page()
    return Response(page, media_type=kind)


@dataclass(frozen=True, slots=True)
class Listening:
    """Where it answers."""

    host: str
    port: int


class QuietServer(uvicorn.Server):
    """A server beside another one: signals are for whoever opened it."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """See uvicorn."""
        yield


@asynccontextmanager
async def metrics_listener(context: ServerContext) -> AsyncGenerator[Listening]:
    """Answer Prometheus at the port of the settings, or any free one, for as long as the block runs.

    Raises:
        Refused: ``port_unavailable``.
    """
    host, port = context.settings.metrics_host, context.settings.metrics_port or 0

    async def page(_: Request) -> Response:
        return await metrics_response(context)

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
            bound.listen()  # taken from now on: until then another process could bind it as well
        except OSError as error:
            raise refuse(
                "port_unavailable",
                f"Port {port} of {host} cannot be served: {error.strerror}.",
                hint="Choose another SIGNOFF_METRICS_PORT: each process of a machine needs its own.",
            ) from None
        app = Starlette(routes=[Route("/metrics", page)])
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, lifespan="off", timeout_graceful_shutdown=1
        )
        server = QuietServer(config)
        serving = asyncio.create_task(server.serve(sockets=[bound]))
        try:
            yield Listening(host, bound.getsockname()[1])
        finally:
            server.should_exit = True
            await serving
