"""Routes of approvals, and of the web hooks that vote: read in full, decide on exactly the bytes that were shown.

Who sent a web hook is proved by its signature, who decided by our own identity map.
"""

import hashlib
import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, Field, TypeAdapter

from approvals import Ballot, Decision, Terms, read_resume, refusal
from approvals.channels import voted_answer
from domain.decision import BallotState
from domain.identity import redacted
from service.api.dependencies import ApprovalReader, Caller, TheContext, answer
from service.auth.principal import Principal
from service.wiring.server import ServerContext

router = APIRouter(prefix="/v1", tags=["approvals"])
_BALLOT = TypeAdapter(Ballot)


def document(ballot: Ballot) -> dict[str, Any]:
    """A ballot with everything its signer has to see."""
    shown = _BALLOT.dump_python(ballot, mode="json")
    shown["action"]["target"] = redacted(ballot.action.target)
    return {**shown, "tier": ballot.tier, "approvals": ballot.approvals, "needed": ballot.requirement.humans}


@router.get("/approvals")
async def list_approvals(
    principal: ApprovalReader,
    at: TheContext,
    state: BallotState | None = None,
    run: str | None = None,
    mine: bool = False,
    cursor: str = "",
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    """One page, newest first. ``mine``: only what waits for the caller's own vote."""
    page = await at.application.ballots.list(
        principal.org, state=state, run=run, mine=principal.voter("http") if mine else None, cursor=cursor, limit=limit
    )
    return answer({"items": [document(ballot) for ballot in page.items], "next_cursor": page.next_cursor})


@router.get("/approvals/{approval_id}")
async def get(principal: ApprovalReader, at: TheContext, approval_id: str) -> Response:
    """One approval, complete. Its ETag is the digest that has to be signed."""
    ballot = await at.application.ballots.get(approval_id, principal.org)
    return answer(document(ballot), headers={"etag": f'"{ballot.action_digest}"'})


class Deciding(BaseModel):
    decision: Literal["approve", "reject", "edit", "respond"]
    action_digest: str = Field(max_length=200)
    comment: str = Field(default="", max_length=10_000)
    edited_action: dict[str, Any] | None = None
    grant: Terms | None = None
    """With approve: the like of this command, for the rest of its run."""


@router.post("/approvals/{approval_id}/decisions")
async def decide(
    principal: Caller,
    at: TheContext,
    approval_id: str,
    said: Deciding,
    once: Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)] = None,
) -> Response:
    """Sign, refuse, change or answer. 200: final. 202: more signatures are needed."""
    if once is not None:
        earlier = await at.messages.seen(
            _remembered(principal),
            once,
            hashlib.sha256(f"{approval_id}\0{said.model_dump_json()}".encode()).hexdigest(),
        )
        if earlier is not None:
            return answer(earlier.body, earlier.status)
    ballot = await at.application.ballots.get(approval_id, principal.org)
    # Before anything else of the decision is looked at: who signs has to have seen these very bytes.
    if said.action_digest != ballot.action_digest:
        raise refusal("digest_mismatch", "This approval is about other bytes.")
    if said.decision == "edit":
        edited = read_resume({"type": "edit", "edited_action": said.edited_action}).edited
        if edited is None:
            raise refusal("action_invalid", "An edit brings the complete action.")
        revision = await at.application.revise(ballot, edited)
        decided = await at.submission.voting.edit(ballot, revision, principal.voter("http"))
    else:  # ``respond`` is a rejection that says what to do instead
        choice = "approve" if said.decision == "approve" else "reject"
        decision = Decision(choice=choice, action_digest=said.action_digest, comment=said.comment)
        decided = await at.submission.voting.vote(ballot, decision, principal.voter("http"), like=said.grant)
    outcome = voted_answer(decided)
    if once is not None:
        await at.messages.answered(_remembered(principal), once, outcome)
    return answer(outcome.body, outcome.status)


@router.post("/approvals/{approval_id}/cancel")
async def cancel(principal: Caller, at: TheContext, approval_id: str) -> Response:
    """Withdraw the question: its requester, or any approver."""
    return answer(document(await at.submission.voting.cancel(approval_id, principal.voter("http"))))


@router.post("/runs/{run_id}/kill")
async def kill(principal: Caller, at: TheContext, run_id: str) -> Response:
    """Stop a run for good: no further tool call, open approvals cancelled."""
    run = await at.run_of(run_id, principal.org)
    cancelled = await at.submission.kill(principal, run)
    return answer({"run": run.id, "status": "cancelled", "cancelled": [ballot.id for ballot in cancelled]})


def _remembered(principal: Principal) -> str:
    """Whose idempotency keys these are. Hashed, because names that run into each other may look like others' names."""
    return "http:" + hashlib.sha256(json.dumps([principal.org, principal.subject]).encode()).hexdigest()


webhooks_router = APIRouter(prefix="/v1/hooks", tags=["hooks"])


@webhooks_router.post("/approvals/{integration}")
async def standard(at: TheContext, integration: str, request: Request) -> Response:
    """Standard Webhooks: ``{approval_id, action_digest, decision, actor, comment}``."""
    return await _received(at, integration, request)


@webhooks_router.post("/slack/interactions")
async def slack(at: TheContext, request: Request) -> Response:
    """A pressed button in Slack."""
    return await _received(at, _only(at, "slack"), request)


@webhooks_router.post("/forges/{hook}")
async def forge(at: TheContext, hook: str, request: Request) -> Response:
    """An event of GitHub or GitLab: something is asked for, reviewed, closed or voted, or a run of CI failed."""
    received = await at.forge_webhooks.receive(hook, dict(request.headers.items()), await request.body())
    return answer(received.body, received.status)


@webhooks_router.post("/github")
async def github(at: TheContext, request: Request) -> Response:
    """A pressed button of our check run on GitHub."""
    return await _received(at, _only(at, "github"), request)


def _only(at: ServerContext, kind: str) -> str:
    return next((each.name for each in at.hooks.integrations if each.kind == kind), kind)


async def _received(at: ServerContext, integration: str, request: Request) -> Response:
    headers = dict(request.headers.items())
    received = await at.hooks.receive(integration, headers, await request.body())
    return answer(received.body, received.status)
