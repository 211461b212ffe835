"""Votes by signed web hook. Who sent it is proved by the signature, who decided by our own identity map."""

from fastapi import APIRouter, Request
from fastapi.responses import Response

from approvals import Answer
from service.api.caller import TheOffice, answer
from service.office import Office

router = APIRouter(prefix="/v1/hooks", tags=["hooks"])


@router.post("/approvals/{integration}")
async def standard(at: TheOffice, integration: str, request: Request) -> Response:
    """Standard Webhooks: ``{approval_id, action_digest, decision, actor, comment}``."""
    return await _received(at, integration, request)


@router.post("/slack/interactions")
async def slack(at: TheOffice, request: Request) -> Response:
    """A pressed button in Slack."""
    return await _received(at, _only(at, "slack"), request)


@router.post("/github")
async def github(at: TheOffice, request: Request) -> Response:
    """A pressed button of our check run on GitHub."""
    return await _received(at, _only(at, "github"), request)


def _only(at: Office, kind: str) -> str:
    return next((each.name for each in at.hooks.integrations if each.kind == kind), kind)


async def _received(at: Office, integration: str, request: Request) -> Response:
    headers = dict(request.headers.items())
    told: Answer = await at.hooks.receive(integration, headers, await request.body())
    if told.status == 200 and "approval_id" in told.body:  # noqa: PLR2004  a final decision
        found = next((each for each in at.hooks.integrations if each.name == integration), None)
        if found is not None:
            ballot = await at.house.ballots.get(str(told.body["approval_id"]), found.org)
            await at.reception.wake(ballot.run, ballot.org, because=ballot.id)
    return answer(told.body, told.status)
