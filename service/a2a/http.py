"""A2A over HTTP: JSON-RPC of the versions 1.0 and 0.3 by the official SDK, with the keys of every other route.

The SDK is imported with the first request, and parses, streams and versions; what a task is stands in ``agent.py``.
"""

import asyncio
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from service.auth.principal import Principal
from service.mcp.http import CALLER, until_stopped
from service.wiring.server import ServerContext

if TYPE_CHECKING:
    from a2a.server.routes.jsonrpc_dispatcher import JsonRpcDispatcher


@dataclass(slots=True)
class A2aEndpoint:
    """The protocol of one process; it keeps nothing: tasks are runs."""

    at: ServerContext
    stopping: asyncio.Event
    """Set when the server goes down: streams end then."""
    _made: "tuple[JsonRpcDispatcher, dict[str, Any]] | None" = None
    """The dispatcher, and the agent card."""

    async def made(self) -> "tuple[JsonRpcDispatcher, dict[str, Any]]":
        """The dispatcher and the card, made with the first request."""
        if self._made is None:
            self._made = await asyncio.to_thread(new_dispatcher, self.at)
        return self._made


def new_dispatcher(at: ServerContext) -> "tuple[JsonRpcDispatcher, dict[str, Any]]":
    """The SDK's dispatcher over our tasks, and the card that says where it is."""
    from a2a.server.context import ServerCallContext  # noqa: PLC0415  a second
    from a2a.server.request_handlers.response_helpers import agent_card_to_dict  # noqa: PLC0415
    from a2a.server.routes.common import DefaultServerCallContextBuilder  # noqa: PLC0415
    from a2a.server.routes.jsonrpc_dispatcher import JsonRpcDispatcher  # noqa: PLC0415
    from a2a.utils.constants import VERSION_HEADER  # noqa: PLC0415

    from service.a2a.agent import TaskAgent, new_card  # noqa: PLC0415

    class CallerContextBuilder(DefaultServerCallContextBuilder):
        def build(self, request: Request) -> ServerCallContext:
            context = super().build(request)
            # Of the headers the version alone: a key is nobody's business behind the door.
            headers = {name: text for name, text in request.headers.items() if name == VERSION_HEADER.lower()}
            context.state = {CALLER: request.scope[CALLER], "headers": headers}
            return context

    agent = TaskAgent(at, lambda context: context.state[CALLER])
    card = agent_card_to_dict(new_card(f"{at.settings.home_url}/a2a", version("signoff")))
    return JsonRpcDispatcher(agent, CallerContextBuilder(), enable_v0_3_compat=True), card


async def agent_card(endpoint: A2aEndpoint) -> Response:
    """The public card."""
    _, card = await endpoint.made()
    return JSONResponse(card, headers={"cache-control": "public, max-age=300"})


class A2aResponse(Response):
    """An answer that the SDK makes; a stream ends when the server goes down."""

    def __init__(self, endpoint: A2aEndpoint, principal: Principal, request: Request) -> None:
        super().__init__()
        self.endpoint, self.principal, self.request = endpoint, principal, request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. See ASGI."""
        dispatcher, _ = await self.endpoint.made()
        self.request.scope[CALLER] = self.principal

        async def answer() -> None:
            response = await dispatcher.handle_requests(self.request)
            await response(scope, receive, send)

        await until_stopped(answer(), self.endpoint.stopping)
