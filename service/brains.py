"""Open the models that the settings name, one for each role."""

from contextlib import AsyncExitStack

from domain import Refused
from models import Catalogue, Endpoint, Model, Role
from models.chat import opened
from service.settings import Settings


async def open_models(settings: Settings, catalogue: Catalogue, stack: AsyncExitStack) -> dict[Role, Model]:
    """Return the model of every role; empty when no endpoint is configured.

    Raises:
        Refused: ``settings_invalid`` for a model without an endpoint.
    """
    found: dict[Role, Endpoint] = {}
    for role in ("planner", "coder", "reviewer", "chat"):
        if endpoint := endpoint_of(settings, role):
            found[role] = endpoint
    made: dict[Endpoint, Model] = {}
    for endpoint in found.values():
        if endpoint not in made:
            made[endpoint] = await stack.enter_async_context(opened(endpoint, price=catalogue.price(endpoint.model)))
    return {role: made[endpoint] for role, endpoint in found.items()}


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
