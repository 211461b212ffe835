"""``signoff mcp``: the MCP server on standard input and output."""

from typing import Annotated

import typer

from service.auth.four_eyes import local_user
from service.cli.terminal import run as run_async
from service.errors import refuse
from service.settings import Settings, read_settings
from service.wiring.application import open_application
from service.wiring.server import open_server_context


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
    settings = read_settings()
    run_async(lambda: serve(settings, url or settings.mcp_url))


async def serve(settings: Settings, url: str | None) -> None:
    """Serve until the host closes standard input.

    Raises:
        Refused: ``not_authenticated`` for a server without a key; ``already_serving`` where one works on the same home.
    """
    from service.mcp.stdio import local_principal, serve_embedded, serve_remote  # noqa: PLC0415  half a second

    if url:
        if settings.mcp_key is None:
            raise refuse("not_authenticated", f"{url} wants a key.", hint="Set SIGNOFF_MCP_KEY to an API key of it.")
        await serve_remote(url.rstrip("/"), settings.mcp_key.get_secret_value())
        return
    async with open_application(settings) as application, open_server_context(application) as context:
        await serve_embedded(context, local_principal(local_user(), settings.org))
