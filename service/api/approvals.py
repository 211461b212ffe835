"""Approvals over HTTP: read in full, decide on exactly the bytes that were shown."""

import hashlib
import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field, TypeAdapter

from approvals import Ballot, Decision, Terms, approve_the_like, read_resume, refusal, voted_answer
from domain import BallotState, redacted
from service.api.caller import ApprovalReader, Caller, TheOffice, answer
from service.office import Office
from service.who import Who

router = APIRouter(prefix="/v1", tags=["approvals"])
_BALLOT = TypeAdapter(Ballot)


def document(ballot: Ballot) -> dict[str, Any]:
    """A ballot with everything its signer has to see."""
    shown = _BALLOT.dump_python(ballot, mode="json")
    shown["action"]["target"] = redacted(ballot.action.target)
    return {**shown, "tier": ballot.tier, "approvals": ballot.approvals, "needed": ballot.requirement.humans}


@router.get("/approvals")
async def list_approvals(
    who: ApprovalReader, at: TheOffice, state: BallotState | None = None, run: str | None = None, mine: bool = False,
    cursor: str = "", limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:  # fmt: skip
    """One page, newest first. ``mine``: only what waits for the caller's own vote."""
    page = await at.house.ballots.list(
        who.org, state=state, run=run, mine=who.voter("http") if mine else None, cursor=cursor, limit=limit
    )
    return answer({"items": [document(ballot) for ballot in page.items], "next_cursor": page.next_cursor})


@router.get("/approvals/{approval_id}")
async def get(who: ApprovalReader, at: TheOffice, approval_id: str) -> Response:
    """One approval, complete. Its ETag is the digest that has to be signed."""
    ballot = await at.house.ballots.get(approval_id, who.org)
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
    who: Caller, at: TheOffice, approval_id: str, said: Deciding,
    once: Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)] = None,
) -> Response:  # fmt: skip
    """Sign, refuse, change or answer. 200: final. 202: more signatures are needed."""
    if once is not None:
        told = await at.messages.seen(_remembered(who), once, _digest(approval_id, said))
        if told is not None:
            return answer(told.body, told.status)
    ballot = await at.house.ballots.get(approval_id, who.org)
    if said.action_digest != ballot.action_digest:
        raise refusal("digest_mismatch", "This approval is about other bytes.")
    decided = await (_edited(at, who, ballot, said) if said.decision == "edit" else _voted(at, who, ballot, said))
    given = voted_answer(decided)
    if once is not None:
        await at.messages.answered(_remembered(who), once, given)
    if decided.state not in {"pending", "superseded"}:
        await at.reception.wake(decided.run, decided.org, because=decided.id)
    return answer(given.body, given.status)


async def _voted(at: Office, who: Who, ballot: Ballot, said: Deciding) -> Ballot:
    """``respond`` is a rejection that says what to do instead."""
    choice = "approve" if said.decision == "approve" else "reject"
    decision = Decision(choice=choice, action_digest=said.action_digest, comment=said.comment)
    if said.grant is not None:
        if choice != "approve":
            raise refusal("grant_refused", "Only an approval covers the like.")
        voter, now = who.voter("http"), at.house.engine.clock()
        return await approve_the_like(at.house.ballots, ballot, decision, said.grant, voter, now=now)
    return await at.house.ballots.vote(ballot.id, decision, who.voter("http"))


async def _edited(at: Office, who: Who, ballot: Ballot, said: Deciding) -> Ballot:
    edited = read_resume({"type": "edit", "edited_action": said.edited_action}).edited
    if edited is None:
        raise refusal("action_invalid", "An edit brings the complete action.")
    return await at.house.ballots.edit(ballot.id, await at.house.revise(ballot, edited), who.voter("http"))


@router.post("/approvals/{approval_id}/cancel")
async def cancel(who: Caller, at: TheOffice, approval_id: str) -> Response:
    """Withdraw the question: its requester, or any approver."""
    gone = await at.house.ballots.cancel(approval_id, who.voter("http"))
    await at.reception.wake(gone.run, gone.org, because=gone.id)
    return answer(document(gone))


@router.post("/runs/{run_id}/kill")
async def kill(who: Caller, at: TheOffice, run_id: str) -> Response:
    """Stop a run for good: no further tool call, open approvals cancelled."""
    run = await at.run_of(run_id, who.org)
    cancelled = await at.house.ballots.kill(run.id, who.voter("http"))
    await at.house.engine.runs.cancel(run.id, now=at.reception.clock())
    for turn in reversed(await at.turns.unfinished(run.id)):
        await at.dispatch.stop(turn, "interrupt", "killed")
    return answer({"run": run.id, "status": "cancelled", "cancelled": [ballot.id for ballot in cancelled]})


def _remembered(who: Who) -> str:
    """Whose idempotency keys these are. Hashed, because names that run into each other may look like others' names."""
    return "http:" + hashlib.sha256(json.dumps([who.org, who.subject]).encode()).hexdigest()


def _digest(approval: str, said: Deciding) -> str:
    return hashlib.sha256(f"{approval}\0{said.model_dump_json()}".encode()).hexdigest()
