"""Open the models that the settings name, one for each role, and look at what serves them."""

from contextlib import AsyncExitStack

from opentelemetry.trace import Tracer

import models
from domain import Refused
from models import Catalogue, Endpoint, Model, Role
from sandbox import Check
from service.settings import Settings

ROLES: tuple[Role, ...] = ("planner", "coder", "reviewer", "chat")


async def open_models(
    settings: Settings, catalogue: Catalogue, stack: AsyncExitStack, *, tracer: Tracer | None = None
) -> dict[Role, Model]:
    """Return the model of every role; empty when no endpoint is configured.

    Raises:
        Refused: ``settings_invalid`` for a model without an endpoint.
    """
    own: dict[Role, Endpoint] = {role: endpoint for role in ROLES if (endpoint := endpoint_of(settings, role))}
    common = (
        Endpoint(base_url=settings.model_base_url, model=settings.model or None, api_key=settings.model_api_key)
        if settings.model_base_url
        else None
    )
    opening = models.open_models(common, roles=own, catalogue=catalogue, tracer=tracer, content=settings.trace_content)
    return await stack.enter_async_context(opening)


async def probe_endpoints(settings: Settings) -> tuple[Check, ...]:
    """Ask every endpoint what it serves; each check has one line about it, and what to do when it cannot work."""
    endpoints = {endpoint: role for role in reversed(ROLES) if (endpoint := endpoint_of(settings, role))}
    checks: list[Check] = []
    for endpoint in reversed(endpoints):
        seen = await models.probe(endpoint)
        checks.append(Check(name="model", ok=seen.ok, detail=seen.line(), hint=seen.hint))
    return tuple(checks)


def endpoint_of(settings: Settings, role: Role) -> Endpoint | None:
    """Where a role's model is served: its own settings, else the common ones."""
    url = getattr(settings, f"model_{role}_base_url", None) or settings.model_base_url
    model = getattr(settings, f"model_{role}", None) or settings.model
    if not url:
        if model:
            raise Refused(f"The model {model!r} is named, but not where it is served.", code="settings_invalid",
                          hint="Set SIGNOFF_MODEL_BASE_URL, e.g. http://127.0.0.1:8000/v1.")  # fmt: skip
        return None
    return Endpoint(base_url=url, model=model or None, api_key=settings.model_api_key)
