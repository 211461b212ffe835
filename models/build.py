"""Build the models of a process: one per role, each wrapped in what makes it dependable."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace

from opentelemetry.trace import Tracer

from models import huggingface, vendors
from models.breaker import CircuitBreaker
from models.catalogue import Catalogue
from models.chat import Price, opened
from models.contract import Model, Role
from models.counting import tokenizer
from models.discovered import discovered
from models.fallback import Fallback
from models.fitted import Fitted
from models.instrumented import Instrumented
from models.retry import Retry
from models.wire import Endpoint

ROLES: tuple[Role, ...] = ("planner", "coder", "reviewer", "chat")


@asynccontextmanager
async def open_models(
    default: Endpoint | None,
    *,
    catalogue: Catalogue,
    roles: Mapping[Role, Endpoint] | None = None,
    tracer: Tracer | None = None,
    content: bool = False,
) -> AsyncGenerator[dict[Role, Model]]:
    """Open a model for every role that has one; an empty result means: nothing is configured.

    A role with an endpoint of its own falls back to ``default``. Roles at the same endpoint share one
    model, its connections, and what is known about it. Nothing is sent before somebody asks.

    Each model is ``Retry(Fallback(Fitted(CircuitBreaker(Instrumented(Chat))), …))``: when an endpoint dies the
    next one is asked at once, and only when nobody answers is it worth waiting.

    Raises:
        Refused: ``llm_bad_address``.
    """
    own = dict(roles or {})
    async with AsyncExitStack() as stack:
        known: dict[tuple[str, str | None], Model] = {}
        how = Opened(price=catalogue.price, tracer=tracer, content=content)

        async def at(endpoint: Endpoint) -> Model:
            key = (endpoint.base_url, endpoint.model)
            if key not in known:
                price = catalogue.price(endpoint.model)
                opening = open_endpoint(endpoint, how, price=price)
                known[key] = (await stack.enter_async_context(opening))[0]
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """How endpoints are opened in this process."""

    price: Callable[[str | None], Price]
    """Of a model that nobody named beforehand."""
    tracer: Tracer | None = None
    content: bool = False
    """Prompts and answers in the spans, too."""


@asynccontextmanager
async def open_endpoint(
    endpoint: Endpoint, how: Opened, *, price: Price
) -> AsyncGenerator[tuple[Fitted, CircuitBreaker]]:
    """Open one model for as long as the block runs; its circuit breaker says how it is.

    Raises:
        Refused: ``llm_bad_address``.
    """
    async with AsyncExitStack() as stack:
        chat: Model
        if endpoint.base_url.startswith(huggingface.SCHEME):
            chat = await stack.enter_async_context(huggingface.opened(endpoint.model, price=price))
        elif vendors.vendor_of(endpoint.base_url) is not None:
            chat = await stack.enter_async_context(vendors.opened(endpoint, price=price))
        elif endpoint.model is None:
            chat = await stack.enter_async_context(discovered(endpoint, price=how.price))
        else:
            chat = await stack.enter_async_context(opened(endpoint, price=price))
        seen = Instrumented(model=chat, content=how.content)
        if how.tracer is not None:
            seen = replace(seen, tracer=how.tracer)
        breaker = CircuitBreaker(model=seen)
        counting = await stack.enter_async_context(tokenizer(endpoint))
        yield Fitted(model=breaker, counting=counting), breaker
