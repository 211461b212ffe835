"""FastAPI application: routes, errors, and the middleware before them."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI, Request
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import Response

from service.a2a.http import A2aEndpoint, A2aResponse, agent_card
from service.api import (
    approvals,
    confirm_page,
    event_streaming,
    keys,
    operations,
    results,
    runs,
    search,
    store,
    threads,
)
from service.api.assistants import crons
from service.api.assistants import routes as assistants
from service.api.dependencies import Caller
from service.api.errors import add_problems
from service.api.memory import routes as memory
from service.api.middleware import MetricsMiddleware, SecurityMiddleware, StrictJsonMiddleware
from service.api.openai import completions, responses
from service.api.plans import routes as plans
from service.mcp.http import McpResponse, open_mcp
from service.settings import Settings
from service.wiring.server import ServerContext

EXPOSED = ("content-location", "location", "etag", "x-request-id", "retry-after", "x-pagination-next", "x-signoff-plan")
"""Headers of answers that pages of other origins may read."""
Opening = Callable[[], AbstractAsyncContextManager[ServerContext]]


def create_app(settings: Settings, opening: Opening, *, also: Sequence[Callable[[FastAPI], None]] = ()) -> FastAPI:
    """Make the application. ``opening`` is entered when the server starts and left when it stops.

    ``also``: what adds its own routes to those of the API, as the console does.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with opening() as context, open_mcp(context, app.state.stopping) as app.state.mcp:
            app.state.context, app.state.a2a = context, A2aEndpoint(context, app.state.stopping)
            yield

    app = FastAPI(
        title="Signoff",
        version=version("signoff"),
        lifespan=lifespan,
        summary="A coding agent that proves its change and waits for your signature.",
    )
    app.state.stopping = asyncio.Event()  # set when the server goes down and whoever waits has to come back later
    langgraph = (assistants, threads, crons, runs, event_streaming, store)
    for part in (
        operations,
        *langgraph,
        approvals,
        confirm_page,
        results,
        search,
        memory,
        completions,
        responses,
        keys,
        plans,
    ):
        app.include_router(part.router)
    for router in (approvals.webhooks_router, results.resuming_router, operations.jobs_router, operations.usage_router):
        app.include_router(router)
    app.add_api_route("/mcp", mcp, methods=["GET", "POST", "DELETE"], include_in_schema=False)
    app.add_api_route("/a2a", a2a, methods=["POST"], include_in_schema=False)
    app.add_api_route("/.well-known/agent-card.json", card, methods=["GET"], include_in_schema=False)
    for add in also:
        add(app)
    add_problems(app)

    # The last one added is the outermost: everything is counted, and what the others refuse, too, has the headers
    # without which browsers show their pages no answer at all.
    app.add_middleware(StrictJsonMiddleware)
    app.add_middleware(SecurityMiddleware, most_bytes=int(settings.max_body_mb * 2**20))
    app.add_middleware(
        CORSMiddleware,
        allow_origins=[origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()],
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        # The SDKs send headers of their own (x-auth-scheme, prefer, …), each version others. Who may ask at all is
        # decided by origin, and none of it is authenticated by a cookie: pages with one take forms of their own only.
        allow_headers=["*"],
        expose_headers=EXPOSED,
    )
    app.add_middleware(MetricsMiddleware)
    return app


async def mcp(principal: Caller, request: Request) -> Response:
    """MCP over streamable HTTP: every request is authenticated as any other, and each tool checks its own scope."""
    return McpResponse(request.app.state.mcp, principal)


async def a2a(principal: Caller, request: Request) -> Response:
    """A2A by JSON-RPC: every request is authenticated as any other, and each method checks its own scope."""
    return A2aResponse(request.app.state.a2a, principal, request)


async def card(request: Request) -> Response:
    """The agent card, for everybody who may have to learn how to log in."""
    return await agent_card(request.app.state.a2a)
