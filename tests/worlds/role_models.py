"""One model for each role over endpoints, as dependable as those of a run, without a router in front of them."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from models import Model, Role
from models.clients import ModelEndpoint
from models.routing.catalogue import Catalogue
from models.routing.endpoints import ClientOptions, open_endpoint
from models.wrappers import Fallback, Retry

ROLES: tuple[Role, ...] = ("planner", "coder", "reviewer", "chat")


@asynccontextmanager
async def open_models(
    default: ModelEndpoint | None, *, catalogue: Catalogue, roles: Mapping[Role, ModelEndpoint] | None = None
) -> AsyncGenerator[dict[Role, Model]]:
    """Open a model for every role that has an endpoint; an empty result means: nothing is configured.

    A role with an endpoint of its own falls back to ``default``. Roles at the same endpoints share one model.
    """
    own, how = dict(roles or {}), ClientOptions(price=catalogue.price)
    async with AsyncExitStack() as stack:
        by_endpoint: dict[tuple[str, str | None], Model] = {}
        by_endpoints: dict[tuple[int, ...], Model] = {}
        by_role: dict[Role, Model] = {}
        for role in ROLES:
            models: dict[int, Model] = {}
            for endpoint in (own.get(role), default):
                if endpoint is None:
                    continue
                key = (endpoint.base_url, endpoint.model)
                if key not in by_endpoint:
                    opening = open_endpoint(endpoint, how, price=catalogue.price(endpoint.model))
                    by_endpoint[key] = (await stack.enter_async_context(opening))[0]
                models[id(by_endpoint[key])] = by_endpoint[key]
            if models:
                first, *others = models.values()
                model: Model = Retry(model=Fallback(models=(first, *others)) if others else first)
                by_role[role] = by_endpoints.setdefault(tuple(models), model)
        yield by_role
