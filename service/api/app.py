"""The application: routes, errors, and what stands before them."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from service.api import (
    approvals,
    assistants,
    chat,
    hooks,
    jobs,
    keys,
    page,
    results,
    resuming,
    runs,
    stateless,
    states,
    store,
    system,
    threads,
    usage,
)
from service.api.bodies import PlainJson
from service.api.problems import add_problems
from service.api.shield import Shield
from service.office import Office
from service.settings import Settings

Opening = Callable[[], AbstractAsyncContextManager[Office]]


def create_app(settings: Settings, opening: Opening) -> FastAPI:
    """Make the application. ``opening`` is entered when the server starts and left when it stops."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncGenerator[None]:
        async with opening() as office:
            app.state.office = office
            yield

    app = FastAPI(
        title="Signoff", version=version("signoff"), lifespan=lifespan,
        summary="A coding agent that proves its change and waits for your signature.",
    )  # fmt: skip
    first = (system, assistants, threads, states, runs, stateless, store)
    for part in (*first, approvals, hooks, page, results, resuming, jobs, chat, keys, usage):
        app.include_router(part.router)
    add_problems(app)

    async def admit(address: str) -> None:
        await app.state.office.limiter.address(address)

    app.add_middleware(PlainJson)
    app.add_middleware(Shield, most_bytes=int(settings.max_body_mb * 2**20), admit=admit)
    app.add_middleware(
        CORSMiddleware,
        allow_origins=[origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()],
        allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"],
        allow_headers=["authorization", "content-type", "x-api-key", "last-event-id", "idempotency-key", "if-match"],
        expose_headers=["content-location", "location", "etag", "x-request-id", "retry-after", "x-pagination-next"],
    )
    return app
