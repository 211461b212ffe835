"""MCP over streamable HTTP: ``/mcp`` takes the same keys and logins as every other route, for each single request.

The SDK is imported when somebody comes with the first request: a server that nobody uses this way starts as before.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from service.auth.principal import Principal
from service.wiring.server import ServerContext

if TYPE_CHECKING:
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager

CALLER = "signoff.principal"
"""Where the caller stands in an ASGI scope, for the SDKs of both protocols."""


@dataclass(slots=True)
class McpEndpoint:
    """Sessions of one process."""

    at: ServerContext
    stopping: asyncio.Event
    """Set when the server goes down: streams that would never end are ended then."""
    _opened: "asyncio.Future[StreamableHTTPSessionManager] | None" = None
    _closed: asyncio.Event = field(default_factory=asyncio.Event)
    _running: "asyncio.Task[None] | None" = None

    async def serve(self, principal: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request. See ASGI."""
        if self._stateless and scope["method"] != "POST":  # there is no stream and no session to ask for
            raise HTTPException(405, headers={"allow": "POST"})
        if self._opened is None:
            self._opened = asyncio.get_running_loop().create_future()
            self._running = asyncio.create_task(self._run(self._opened))
        opened, running = self._opened, self._running
        assert running is not None  # noqa: S101  begun with the future
        await asyncio.wait({opened, running}, return_when=asyncio.FIRST_COMPLETED)
        if not opened.done():
            await running  # raises what it died of
        manager = opened.result()
        # Streams are not kept to be resumed, and to one who asks for that the SDK gives no answer at all.
        headers = [(name, value) for name, value in scope["headers"] if name != b"last-event-id"]
        scope = {**scope, "headers": headers, CALLER: principal, "user": session_owner(principal)}
        await until_stopped(manager.handle_request(scope, receive, send), self.stopping)

    @property
    def _stateless(self) -> bool:
        """Whether there are several servers, of which any answers each request."""
        return self.at.application.server is not None

    async def _run(self, opened: "asyncio.Future[StreamableHTTPSessionManager]") -> None:
        """Keep the sessions; a task group is left by the task that entered it, which no request is."""
        manager = await asyncio.to_thread(new_manager, self.at)
        async with manager.run():
            opened.set_result(manager)
            await self._closed.wait()

    async def close(self) -> None:
        """End every session."""
        self._closed.set()
        if self._running is not None:
            await self._running


async def until_stopped(answer: Coroutine[Any, Any, None], stopping: asyncio.Event) -> None:
    """Answer a request; what still streams when the server goes down is cut off."""
    answering, down = asyncio.ensure_future(answer), asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({answering, down}, return_when=asyncio.FIRST_COMPLETED)
        if answering.done():
            await answering
    finally:
        for each in (answering, down):
            each.cancel()
        await asyncio.gather(answering, down, return_exceptions=True)


def new_manager(at: ServerContext) -> "StreamableHTTPSessionManager":
    """The SDK's sessions over our tools. With several servers there are none: any of them answers each request."""
    from mcp.server.streamable_http_manager import StreamableHTTPSessionManager  # noqa: PLC0415  half a second

    from service.mcp.server import new_server  # noqa: PLC0415

    return StreamableHTTPSessionManager(
        new_server(at, lambda ctx: cast("Request", ctx.request).scope[CALLER]),
        stateless=at.application.server is not None,
        max_request_body_size=int(at.settings.max_body_mb * 2**20),
        max_sessions=1_000,
    )


def session_owner(principal: Principal) -> object:
    """Who a session belongs to, as the SDK compares it: a request of anybody else is answered as if there were none."""
    from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser  # noqa: PLC0415
    from mcp.server.auth.provider import AccessToken  # noqa: PLC0415

    token = AccessToken(token="", client_id=principal.key, scopes=[], subject=f"{principal.org}\n{principal.subject}")
    return AuthenticatedUser(token)


@asynccontextmanager
async def open_mcp(at: ServerContext, stopping: asyncio.Event) -> AsyncGenerator[McpEndpoint]:
    """The endpoint of a server, for as long as the block runs."""
    endpoint = McpEndpoint(at, stopping)
    try:
        yield endpoint
    finally:
        await endpoint.close()


class McpResponse(Response):
    """An answer that the SDK writes."""

    def __init__(self, endpoint: McpEndpoint, principal: Principal) -> None:
        super().__init__()
        self.endpoint, self.principal = endpoint, principal

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. See ASGI."""
        await self.endpoint.serve(self.principal, scope, receive, send)
