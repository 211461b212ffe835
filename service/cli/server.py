"""``signoff serve``: the HTTP API of this machine, with nothing to configure."""

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType
from typing import Annotated

import typer
import uvicorn
import uvloop
from fastapi import FastAPI

from service.office import Office, open_office
from service.people import local_user
from service.refusals import refuse
from service.settings import Settings, read_settings
from service.terminal import err
from service.terminal import run as run_async
from service.wiring import open_house

COLLECT = (20_000, 20, 50)
"""Objects before the youngest are looked through; and how often before older ones are."""
ADMIN = ("org_admin", "operator", "approver", "auditor")


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to bind to. Default: loopback.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port; 0 takes any free one.")] = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Make and print another admin key.")] = False,
) -> None:
    """Serve the API: LangGraph's clients, approvals, an OpenAI-compatible chat.

    On SIGTERM runs are brought to their next step, and the exit status is 0; after Ctrl-C it is 130.

    Examples:
      signoff serve

      signoff serve --port 8123
    """
    settings = read_settings()
    given = {"host": host, "port": port}
    settings = settings.model_copy(update={name: value for name, value in given.items() if value is not None})
    run_async(lambda: listen(settings, new_key=new_key), loop=uvloop.new_event_loop)


async def listen(settings: Settings, *, new_key: bool = False) -> None:
    """Serve until a signal says stop.

    Raises:
        Refused: ``authentication_needed`` beyond loopback without any way to log in; ``already_serving``.
    """
    from service.api import create_app  # noqa: PLC0415  other commands start without a web framework

    with _bound(settings) as bound:
        settings = settings.model_copy(update={"port": bound.getsockname()[1]})

        @asynccontextmanager
        async def opening() -> AsyncGenerator[Office]:
            async with open_house(settings) as house, open_office(house) as office:
                await greet(office, settings, new_key=new_key)
                keep_for_good()
                yield office

        await serve_app(create_app(settings, opening), bound)


async def serve_app(app: FastAPI, bound: socket.socket) -> None:
    """Run the application on a bound socket until a signal says stop."""
    server = Draining(
        uvicorn.Config(app, log_level="warning", access_log=False, server_header=False, lifespan="on",
                       timeout_graceful_shutdown=5, http="httptools")
    )  # fmt: skip
    server.app, server.loop = app, asyncio.get_running_loop()
    await server.serve(sockets=[bound])
    if not server.started:
        raise typer.Exit(1)


def keep_for_good() -> None:
    """Spare the garbage collector what a service made when it started, and let it come less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


class Draining(uvicorn.Server):
    """Tells the engine of a signal at once: runs come to their next step while clients are still answered."""

    app: FastAPI
    loop: asyncio.AbstractEventLoop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """See uvicorn. Called by a signal, so the loop is told and nothing is done here."""
        if (office := getattr(self.app.state, "office", None)) is not None:
            self.loop.call_soon_threadsafe(office.dispatch.drain)
        if sig == signal.SIGTERM:  # uvicorn would die of it in the end, although everything was put down in order
            self.should_exit = True
        else:
            super().handle_exit(sig, frame)


@contextmanager
def _bound(settings: Settings) -> Generator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind((settings.host, settings.port))
        except OSError as error:
            raise refuse(
                "already_serving", f"{settings.host}:{settings.port} cannot be bound: {error.strerror}"
            ) from None
        yield made


async def greet(office: Office, settings: Settings, *, new_key: bool) -> None:
    first = not await office.keys.any()
    if not settings.loopback and first and office.issuer is None:
        raise refuse("authentication_needed", f"Nobody could log in, so {settings.host} is not bound.")
    if first or new_key:
        _, text = await office.keys.make(
            settings.org, local_user(), name="admin", roles=ADMIN, personal=True, env="local", by=local_user()
        )
        err().print(f"admin key (shown once): [b]{text}[/]", highlight=False, soft_wrap=True)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    err().print(f"serving [b]http://{host}:{settings.port}[/]  (docs: /docs)", highlight=False, soft_wrap=True)
