"""Build the models of a process: one per role, each wrapped in what makes it dependable."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from opentelemetry.trace import Tracer

from models import huggingface
from models.breaker import CircuitBreaker
from models.catalogue import Catalogue
from models.chat import opened
from models.contract import Model, Role
from models.discovered import discovered
from models.fallback import Fallback
from models.fitted import Fitted
from models.instrumented import Instrumented
from models.retry import Retry
from models.wire import Endpoint

ROLES: tuple[Role, ...] = ("planner", "coder", "reviewer", "chat")

Wrap = Callable[[Model], Model]
"""What else stands around every endpoint's model: a quota, a cache, a record."""


def _as_it_is(model: Model) -> Model:
    return model


@asynccontextmanager
async def open_models(
    default: Endpoint | None,
    *,
    catalogue: Catalogue,
    roles: Mapping[Role, Endpoint] | None = None,
    tracer: Tracer | None = None,
    content: bool = False,
    wrap: Wrap = _as_it_is,
) -> AsyncGenerator[dict[Role, Model]]:
    """Open a model for every role that has one; an empty result means: nothing is configured.

    A role with an endpoint of its own falls back to ``default``. Roles at the same endpoint share one
    model, its connections, and what is known about it. Nothing is sent before somebody asks.

    Each model is ``Retry(Fallback(wrap(Fitted(CircuitBreaker(Instrumented(Chat)))) …))``: when an endpoint dies the
    next one is asked at once, and only when nobody answers is it worth waiting.

    Raises:
        Refused: ``llm_bad_address``.
    """
    own = dict(roles or {})
    async with AsyncExitStack() as stack:
        known: dict[tuple[str, str | None], Model] = {}

        async def at(endpoint: Endpoint) -> Model:
            key = (endpoint.base_url, endpoint.model)
            if key not in known:
                known[key] = await _model(stack, endpoint, catalogue, tracer, content=content, wrap=wrap)
            return known[key]

        found: dict[Role, Model] = {}
        staffed: dict[tuple[int, ...], Model] = {}
        for role in ROLES:
            asked = [endpoint for endpoint in (own.get(role), default) if endpoint is not None]
            models = tuple({id(model): model for model in [await at(endpoint) for endpoint in asked]}.values())
            if models:
                key = tuple(map(id, models))
                found[role] = staffed.setdefault(key, _dependable(models))
        yield found


def _dependable(models: tuple[Model, ...]) -> Model:
    return Retry(model=models[0] if len(models) == 1 else Fallback(models=models))


async def _model(
    stack: AsyncExitStack,
    endpoint: Endpoint,
    catalogue: Catalogue,
    tracer: Tracer | None,
    *,
    content: bool,
    wrap: Wrap,
) -> Model:
    chat: Model
    if endpoint.base_url.startswith(huggingface.SCHEME):
        chat = await stack.enter_async_context(
            huggingface.opened(endpoint.model, price=catalogue.price(endpoint.model))
        )
    elif endpoint.model is None:
        chat = await stack.enter_async_context(discovered(endpoint, price=catalogue.price))
    else:
        chat = await stack.enter_async_context(opened(endpoint, price=catalogue.price(endpoint.model)))
    seen = Instrumented(model=chat, content=content) if tracer is None else Instrumented(
        model=chat, tracer=tracer, content=content
    )  # fmt: skip
    return wrap(Fitted(model=CircuitBreaker(model=seen)))
