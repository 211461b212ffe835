"""MCP on standard input and output: a whole service in this process, or a server elsewhere by its address and a key."""

from typing import Any

import httpx
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams

from domain import Transient
from service.auth.principal import Principal, scopes_of
from service.errors import refuse
from service.mcp.server import failed, new_server
from service.mcp.tools import INSTRUCTIONS
from service.wiring.server import ServerContext

CONNECT_S, READ_S = 10.0, 900.0
"""A wait of ten minutes says nothing for so long where its run says nothing."""


def local_principal(subject: str, org: str) -> Principal:
    """Whose runs those of this terminal are. A program speaks in their name, so it never signs."""
    return Principal(subject=subject, org=org, kind="service", roles=("operator",), scopes=scopes_of(("operator",)))


async def serve_embedded(at: ServerContext, principal: Principal) -> None:
    """Serve until the host closes standard input."""
    await _serve(new_server(at, lambda _: principal))


async def serve_remote(url: str, key: str) -> None:
    """Hand every call on to the server at ``url`` until the host closes standard input.

    Raises:
        Refused: ``key_invalid`` and what else the server says to the key.
        Transient: ``server_unreachable``.
    """
    await ensure_reached(url, key)
    headers = {"authorization": f"Bearer {key}"}
    http = httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(READ_S, connect=CONNECT_S))
    async with http, Client(streamable_http_client(f"{url}/mcp", http_client=http)) as client:
        await _serve(relay(client))


async def ensure_reached(url: str, key: str) -> None:
    """Ask the server who this key is, before a host is told that it is connected."""
    async with httpx.AsyncClient(timeout=CONNECT_S) as http:
        try:
            answer = await http.get(f"{url}/v1/whoami", headers={"authorization": f"Bearer {key}"})
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise unreachable(f"{url} does not answer: {type(error).__name__}.") from None
    if answer.status_code == 401:  # noqa: PLR2004
        raise refuse("key_invalid", f"{url} does not take this key.")
    if not answer.is_success:
        raise unreachable(f"{url} answered with {answer.status_code}.")


def unreachable(message: str) -> Transient:
    """The error for a server that gives no answer of ours."""
    return Transient(
        message, code="server_unreachable", hint="See that signoff serve runs at that address; then ask again."
    )


def relay(client: Client) -> Server[Any]:
    """A server whose tools are those of another one. Progress and cancelling pass through, elicitation does not."""

    async def list_tools(_: ServerRequestContext[Any, Any], params: PaginatedRequestParams | None) -> ListToolsResult:
        return await client.list_tools(cursor=params.cursor if params else None)

    async def call_tool(ctx: ServerRequestContext[Any, Any], params: CallToolRequestParams) -> CallToolResult:
        try:
            return await client.call_tool(params.name, params.arguments, progress_callback=ctx.session.report_progress)
        except (MCPError, httpx2.HTTPError) as error:
            return failed(unreachable(f"The server could not be asked: {error}"))

    return Server(
        "signoff", title="Signoff", instructions=INSTRUCTIONS, on_list_tools=list_tools, on_call_tool=call_tool
    )


async def _serve(server: Server[Any]) -> None:
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())
