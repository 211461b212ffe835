"""``signoff serve``, ``mcp``, ``tools``, ``worker``: HTTP API, MCP both ways, a worker alone."""

import asyncio
import gc
import logging
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import FrameType
from typing import Annotated

import typer
import uvicorn
import uvloop
from fastapi import FastAPI
from rich.markup import escape

from domain import Refused, SignoffError
from domain.text import readable
from service import report
from service.auth.four_eyes import local_user
from service.cli.terminal import COLLECT, JSON, STOPPED, STOPPED_TEXT, err, out, print_json
from service.cli.terminal import run as run_async
from service.errors import refuse
from service.settings import Settings, read_settings
from service.storage.open import server_url
from service.wiring.application import open_application
from service.wiring.coding.coder import reports_of
from service.wiring.server import ServerContext, open_server_context
from tools import ServerReport

ADMIN = ("org_admin", "operator", "approver", "auditor")


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to bind to. Default: loopback.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port, 0 to 65535; 0 takes any free one.")] = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Make and print another admin key.")] = False,
) -> None:
    """Serve the API: LangGraph's clients, approvals, an OpenAI-compatible chat.

    On SIGTERM runs are brought to their next step, and the exit status is 0; after Ctrl-C it is 130.

    Examples:
      signoff serve

      signoff serve --port 8123
    """
    changed = {name: value for name, value in (("host", host), ("port", port)) if value is not None}
    # Read inside: a setting that is wrong is one line with a code, too.
    run_async(lambda: listen(read_settings().model_copy(update=changed), new_key=new_key), loop=uvloop.new_event_loop)


async def listen(settings: Settings, *, new_key: bool = False) -> None:
    """Serve until a signal says stop.

    Raises:
        Refused: ``authentication_needed`` beyond loopback without any way to log in; ``already_serving``,
            ``port_unavailable``, ``database_not_migrated``.
    """
    from service.api import create_app  # noqa: PLC0415  other commands start without a web framework

    # Bound first: a port that is taken is told before a database is opened or a key is made.
    with _bound(settings) as bound:
        settings = settings.model_copy(update={"port": bound.getsockname()[1]})
        no: SignoffError | None = None

        @asynccontextmanager
        async def opening() -> AsyncGenerator[ServerContext]:
            nonlocal no
            try:
                async with (
                    open_application(settings) as application,
                    open_server_context(application) as context,
                    answering_prometheus(context),
                ):
                    await greet(context, settings, new_key=new_key)
                    keep_for_good()
                    yield context
            # uvicorn says no more than that the start failed; the reason is raised again below.
            except SignoffError as error:
                no = error
                raise

        server = await serve_app(create_app(settings, opening, also=pages(settings)), bound)
    if no is not None:
        raise no
    if not server.started:
        raise typer.Exit(1)
    if server.interrupted:
        err().print(STOPPED_TEXT)
        raise typer.Exit(STOPPED)


def pages(settings: Settings) -> tuple[Callable[[FastAPI], None], ...]:
    """What adds the console, where the settings want one."""
    if not settings.console:
        return ()
    from service.console import add_console  # noqa: PLC0415  nothing of it is loaded where nobody wants it

    return (add_console,)


async def serve_app(app: FastAPI, bound: socket.socket) -> "Draining":
    """Run the application on a bound socket until a signal says stop."""
    server = Draining(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            lifespan="on",
            timeout_graceful_shutdown=5,
            http="httptools",
        )
    )
    server.app, server.loop = app, asyncio.get_running_loop()
    log = logging.getLogger("uvicorn.error")
    log.addFilter(worth_saying)
    try:
        with suppress(SystemExit):  # uvicorn's, when it could not start: our caller says why, with a status of its own
            await server.serve(sockets=[bound])
    finally:
        log.removeFilter(worth_saying)
    return server


LAST_WORDS_S = 3.0
"""How long those who wait for runs are still answered after a signal, before they are told to come back later."""
OURS = ("ASGI callable returned without completing response", "Application startup failed", "Cancel %s running task")


def worth_saying(record: logging.LogRecord) -> bool:
    """Whether what uvicorn logs is news: an answer that we cut off is not, nor an error that is told with its code."""
    raised = record.exc_info[0] if record.exc_info else None
    if raised is not None and issubclass(raised, asyncio.CancelledError):  # a request, when the server goes down
        return False
    text = str(record.msg)
    return not text.startswith(OURS) and not ("Traceback (most recent" in text and "domain.errors" in text)


def keep_for_good() -> None:
    """Spare the garbage collector what a service made when it started, and let it come less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)


class Draining(uvicorn.Server):
    """Tells the engine of a signal at once: runs come to their next step while clients are still answered."""

    app: FastAPI
    loop: asyncio.AbstractEventLoop
    interrupted: bool = False
    """By Ctrl-C."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  uvicorn calls it so
        """See uvicorn. Called by a signal, so the loop is told and nothing is done here."""
        # uvicorn would die of the signal in the end, although everything was put down in order.
        self.force_exit = self.interrupted and sig == signal.SIGINT
        self.interrupted = self.interrupted or sig == signal.SIGINT
        self.should_exit = True
        self.loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        if (context := getattr(self.app.state, "context", None)) is not None:
            context.dispatch.drain()
        self.loop.call_later(LAST_WORDS_S, self.app.state.stopping.set)


@contextmanager
def _bound(settings: Settings) -> Generator[socket.socket]:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol by its name: without it asyncio leaves Nagle's algorithm on, and an answer takes 40 ms more.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as opened:
        # The port of a server that was just stopped is still waiting for late packets.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            opened.bind((settings.host, settings.port))
        except (OSError, OverflowError) as error:
            why = error.strerror if isinstance(error, OSError) else "a port is a number from 0 to 65535"
            raise refuse(
                "port_unavailable", f"Port {settings.port} of {settings.host} cannot be served: {why}."
            ) from None
        yield opened


@asynccontextmanager
async def answering_prometheus(context: ServerContext) -> AsyncGenerator[None]:
    """Answer ``/metrics`` where the settings name a port for it. Raises ``port_unavailable``."""
    if context.settings.metrics_port is None:
        yield
        return
    from service.api.metrics_listener import metrics_listener  # noqa: PLC0415  a worker needs no web framework else

    async with metrics_listener(context) as listening:
        err().print(f"metrics: http://{listening.host}:{listening.port}/metrics", highlight=False, soft_wrap=True)
        yield


async def greet(context: ServerContext, settings: Settings, *, new_key: bool) -> None:
    first = not await context.keys.any()
    if not settings.loopback and first and context.issuer is None:
        raise refuse("authentication_needed", f"Nobody could log in, so {settings.host} is not bound.")
    if first or new_key:
        _, text = await context.keys.make(
            settings.org, local_user(), name="admin", roles=ADMIN, personal=True, env="local", by=local_user()
        )
        err().print(f"admin key (shown once): [b]{text}[/]", highlight=False, soft_wrap=True)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    err().print(f"serving [b]http://{host}:{settings.port}[/]  (docs: /docs)", highlight=False, soft_wrap=True)


def mcp(
    url: Annotated[
        str | None,
        typer.Option("--url", help="Server to hand tasks on to; its key is SIGNOFF_MCP_KEY. Default: SIGNOFF_MCP_URL."),
    ] = None,
) -> None:
    """Serve tasks to another agent as MCP tools, on standard input and output.

    Without a server, this process does the work itself, as `signoff run` does; runs go on when it is started again.
    No tool votes: signatures are given by people, with `signoff approvals` or on the page of a server.

    Examples:
      signoff mcp

      SIGNOFF_MCP_KEY=ak_… signoff mcp --url https://signoff.example.com
    """
    run_async(lambda: serve_tools(read_settings(), url))


async def serve_tools(settings: Settings, url: str | None) -> None:
    """Serve until the host closes standard input; ``url``: instead of the one in the settings.

    Raises:
        Refused: ``not_authenticated`` for a server without a key; ``already_serving`` where one works on the same home.
    """
    from service.mcp.stdio import local_principal, serve_embedded, serve_remote  # noqa: PLC0415  half a second

    if url := url or settings.mcp_url:
        if settings.mcp_key is None:
            raise refuse("not_authenticated", f"{url} wants a key.", hint="Set SIGNOFF_MCP_KEY to an API key of it.")
        await serve_remote(url.rstrip("/"), settings.mcp_key.get_secret_value())
        return
    async with open_application(settings) as application, open_server_context(application) as context:
        await serve_embedded(context, local_principal(local_user(), settings.org))


def tools(
    server: Annotated[str | None, typer.Argument(help="Name of one server. Default: all.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show the MCP servers whose tools the coder may use: what they offer, what is allowed, and the pins.

    A tool is allowed by a line in the file of SIGNOFF_MCP_SERVERS with the pin that stands here. Read its description
    first: the pin says that somebody did. Exit status 1: a server does not answer, or an allowed tool cannot be used.

    Examples:
      signoff tools

      signoff tools tickets --json
    """

    async def work() -> list[ServerReport]:
        reports = [each for each in await reports_of(read_settings()) if server in {None, each.server}]
        if server is not None and not reports:
            what, hint = f"There is no MCP server {server!r}.", "Leave the name out to see all."
            raise Refused(what, code="tool_unknown", hint=hint)
        return reports

    reports = run_async(work, as_json=as_json)
    good = not any(each.problem or each.wrong for each in reports)
    if as_json:
        print_json({"ok": good, "servers": [report.plain(each) for each in reports]})
        raise typer.Exit(0 if good else 1)
    for each in reports:
        out().print(f"[b]{each.server}[/] {escape(each.problem)}", highlight=False, soft_wrap=True)
        for offer in each.offers:
            allowed = offer.tool in each.allowed
            state = each.wrong.get(offer.tool, "allowed") if allowed else "not allowed"
            rated = f", {offer.rule.tier}{', reads' if offer.rule.reads else ''}" if allowed else ""
            name, about = (escape(" ".join(readable(text).split())) for text in (offer.tool, offer.description))
            line = f"  {name}: [i]{state}{rated}[/]\n    {about}\n    pin: {offer.pin}"
            out().print(line, highlight=False, soft_wrap=True)
        for tool in [tool for tool, code in each.wrong.items() if code == "tool_gone"]:
            out().print(f"  {escape(tool)}: [i]tool_gone[/]", highlight=False, soft_wrap=True)
    if not reports:
        out().print("No MCP server is named: SIGNOFF_MCP_SERVERS.")
    raise typer.Exit(0 if good else 1)


def worker(
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Runs to advance at the same time. Default: SIGNOFF_WORKERS.")
    ] = None,
) -> None:
    """Perform runs that any server on the same database took in, until a signal says stop.

    On SIGTERM runs are brought to their next step and given back; other workers go on with them at once. The exit
    status is 0 then, and 130 after Ctrl-C.

    Examples:
      SIGNOFF_DATABASE_URL=postgresql://signoff@db/signoff signoff worker

      signoff worker --workers 2
    """
    changed = {} if workers is None else {"workers": workers}
    run_async(lambda: work(read_settings().model_copy(update=changed)), loop=uvloop.new_event_loop)


async def work(settings: Settings) -> None:
    """Work until SIGTERM or SIGINT.

    Raises:
        Refused: ``server_needed`` without a PostgreSQL server; a SQLite file has one server and no workers.
    """
    if server_url(settings) is None:
        raise refuse("server_needed", "Workers share a PostgreSQL database with their servers.")
    # Before anything is opened: a signal that comes meanwhile waits in the queue, and nothing is left half open.
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for each in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(each, signals.put_nowait, each)
    async with (
        open_application(settings) as application,
        open_server_context(application) as context,
        answering_prometheus(context),
    ):
        keep_for_good()
        err().print(f"working on up to {settings.workers} runs at once", highlight=False)
        number = await signals.get()
        err().print("stopping at the next steps …", highlight=False)
    if number == signal.SIGINT:
        raise typer.Exit(STOPPED)
