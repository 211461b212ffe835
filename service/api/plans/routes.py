"""Routes of plans: what there is, what was used of one's own, who has which, and the web hooks of payment providers."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field

from service.api.dependencies import Admin, Reader, TheContext, answer
from service.auth.authority import administers
from service.auth.principal import Principal
from service.errors import refuse
from service.plans.documents import plan_document, use_document
from service.wiring.plans import Plans, required
from service.wiring.server import ServerContext

router = APIRouter(prefix="/v1")


class NewPlan(BaseModel):
    plan: str = Field(max_length=100)
    """Empty: what the organisation pays for counts again."""


@router.get("/plans", tags=["plans"])
async def list_plans(principal: Reader, at: TheContext) -> Response:
    """The plans that there are, and what the caller's organisation used of its own this month."""
    plans = required(at.application.plans)
    file = plans.file
    items = [plan_document(name, plan, is_default=name == file.default) for name, plan in file.plans.items()]
    current = use_document(await plans.metering.use(principal.org))
    return answer({"items": items, "current": current, "upgrade": file.upgrade})


@router.get("/plans/organisations", tags=["plans"])
async def list_organisations(principal: Admin, at: TheContext) -> Response:
    """What every organisation used this month: for administrators of the server's own."""
    plans = _administered(principal, at)
    return answer({"items": [use_document(use) for use in await plans.uses()]})


@router.get("/plans/organisations/{org}", tags=["plans"])
async def show(principal: Admin, at: TheContext, org: str) -> Response:
    """What an organisation used this month: for administrators of the server's own."""
    plans = _administered(principal, at)
    return answer(await _document(plans, org))


@router.put("/plans/organisations/{org}", tags=["plans"])
async def choose(principal: Admin, at: TheContext, org: str, asked: NewPlan) -> Response:
    """Give an organisation a plan, whatever it pays for: by a person who administers the server's own."""
    plans = _administered(principal, at)
    if not administers(principal):
        raise refuse("role_missing", "Only an administrator, as a person, gives an organisation a plan.")
    await plans.store.choose(org, asked.plan, by=principal.subject)
    return answer(await _document(plans, org))


async def _document(plans: Plans, org: str) -> dict[str, Any]:
    standing = await plans.store.of(org)
    return {**use_document(await plans.metering.use(org)), "chosen": standing.chosen or None}


def _administered(principal: Principal, at: ServerContext) -> Plans:
    """Raises ``scope_missing``: who runs an organisation does not say what it may use here."""
    if principal.org != at.settings.org:
        raise refuse("scope_missing", f"Plans are given by administrators of the organisation {at.settings.org!r}.")
    return required(at.application.plans)


@router.post("/hooks/payments/{provider}", tags=["hooks"])
async def payment(at: TheContext, provider: str, request: Request) -> Response:
    """A message of a payment provider: a subscription was made, changed or ended, a bill paid or not."""
    plans = required(at.application.plans)
    received = await plans.webhooks.receive(provider, dict(request.headers.items()), await request.body())
    return answer(received.body, received.status)
