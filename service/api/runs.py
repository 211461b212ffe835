"""Routes of runs: started, waited for, streamed, joined and stopped, on a thread or on one that is made for them."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from service.api.dependencies import Reader, Runner, TheContext, answer
from service.api.streaming import followed, joined, location, waited
from service.runs.documents import run_document
from service.runs.requests import RunAsk, checked_modes
from service.runs.submission import Submitted
from service.runs.turns import TurnStatus

router = APIRouter(tags=["runs"])
Once = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]
LastId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)]


@router.post("/threads/{thread_id}/runs")
async def create(principal: Runner, at: TheContext, thread_id: str, ask: RunAsk, once: Once = None) -> Response:
    """Start a run and return at once; it works in the background."""
    taken = await at.submission.take(principal, ask, thread_id, once=once)
    return answer(run_document(taken.turn), headers=location(taken.turn))


@router.post("/threads/{thread_id}/runs/wait")
async def wait(
    principal: Runner, at: TheContext, thread_id: str, ask: RunAsk, request: Request, once: Once = None
) -> Response:
    """Start a run and wait until it pauses or ends; the answer is the state, and what it waits for."""
    taken = await at.submission.take(principal, ask, thread_id, once=once, heard=False)
    return await waited(at, taken, request, cancel=ask.on_disconnect == "cancel")


@router.post("/threads/{thread_id}/runs/stream", response_class=StreamingResponse)
async def stream(
    principal: Runner, at: TheContext, thread_id: str, ask: RunAsk, once: Once = None
) -> StreamingResponse:
    """Start a run and hear what happens, as server-sent events."""
    taken = await at.submission.take(principal, ask, thread_id, once=once)
    return followed(at, taken, cancel=ask.on_disconnect == "cancel")


@router.get("/threads/{thread_id}/runs")
async def list_runs(
    principal: Reader,
    at: TheContext,
    thread_id: str,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 10,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    status: TurnStatus | None = None,
) -> Response:
    """The thread's runs, newest first."""
    thread = await at.threads.get(thread_id, principal.org)
    found = await at.turns.of(thread.id, status=status, limit=limit, offset=offset)
    return answer([run_document(turn) for turn in found])


@router.get("/threads/{thread_id}/runs/{run_id}")
async def get(principal: Reader, at: TheContext, thread_id: str, run_id: str) -> Response:
    """One run."""
    return answer(run_document(await at.turn_of(run_id, principal.org, thread=thread_id)))


@router.delete("/threads/{thread_id}/runs/{run_id}", status_code=204)
async def delete(principal: Runner, at: TheContext, thread_id: str, run_id: str) -> None:
    """Forget a run that ended; what it did stays in the thread."""
    turn = await at.turn_of(run_id, principal.org, thread=thread_id)
    if turn.open:
        await at.dispatch.stop(turn, "interrupt", "deleted")
    await at.turns.delete(turn.id)


@router.post("/threads/{thread_id}/runs/{run_id}/cancel")
async def cancel(
    principal: Runner,
    at: TheContext,
    thread_id: str,
    run_id: str,
    action: Literal["interrupt", "rollback"] = "interrupt",
    wait: bool = False,
) -> Response:
    """Stop a run: keep what it did, or undo it and forget the run."""
    turn = await at.turn_of(run_id, principal.org, thread=thread_id)
    if turn.open:
        await at.dispatch.stop(turn, action, "user")
    return answer(None, 200 if wait else 202)


@router.get("/threads/{thread_id}/runs/{run_id}/join")
async def join(principal: Reader, at: TheContext, thread_id: str, run_id: str, request: Request) -> Response:
    """Wait for a run that was started before."""
    turn = await at.turn_of(run_id, principal.org, thread=thread_id)
    return await waited(at, Submitted(turn=turn, feed=at.dispatch.hear(turn)), request, cancel=False)


@router.get("/threads/{thread_id}/runs/{run_id}/stream", response_class=StreamingResponse)
async def join_stream(
    principal: Reader,
    at: TheContext,
    thread_id: str,
    run_id: str,
    last: LastId = None,
    cancel_on_disconnect: bool = False,
    stream_mode: Annotated[list[str] | None, Query()] = None,
) -> StreamingResponse:
    """Hear a run that was started before, from the event after ``Last-Event-ID`` or from its beginning."""
    turn = await at.turn_of(run_id, principal.org, thread=thread_id)
    modes = checked_modes([mode for mode in stream_mode or () if mode])
    return joined(at, turn, after=last, modes=modes, cancel=cancel_on_disconnect)


class CancelMany(BaseModel):
    thread_id: str | None = None
    run_ids: list[str] | None = None
    status: Literal["pending", "running", "all"] | None = None


@router.post("/runs/cancel", status_code=204)
async def cancel_many(
    principal: Runner, at: TheContext, asked: CancelMany, action: Literal["interrupt", "rollback"] = "interrupt"
) -> None:
    """Stop several runs: of a thread by their ids, or all of a status."""
    for turn in reversed(await at.turns.unfinished(asked.thread_id)):
        wanted = (asked.run_ids is None or turn.id in asked.run_ids) and asked.status in {None, "all", turn.status}
        if turn.org == principal.org and wanted and (asked.run_ids or asked.status):
            await at.dispatch.stop(turn, action, "user")


@router.get("/threads/{thread_id}/stream", response_class=StreamingResponse)
async def thread_stream(principal: Reader, at: TheContext, thread_id: str, last: LastId = None) -> StreamingResponse:
    """Hear the newest run of a thread."""
    thread = await at.threads.get(thread_id, principal.org)
    newest: Any = next(iter(await at.turns.of(thread.id, limit=1)), None)
    return joined(at, newest, after=last, modes=(), cancel=False)


MOST = 100


@router.post("/runs")
async def create_stateless(principal: Runner, at: TheContext, ask: RunAsk, once: Once = None) -> Response:
    """Start a run on a new thread."""
    taken = await at.submission.take(principal, ask, None, once=once)
    return answer(run_document(taken.turn), headers=location(taken.turn))


@router.post("/runs/wait")
async def wait_stateless(
    principal: Runner, at: TheContext, ask: RunAsk, request: Request, once: Once = None
) -> Response:
    """The same, and wait for it."""
    taken = await at.submission.take(principal, ask, None, once=once, heard=False)
    return await waited(at, taken, request, cancel=ask.on_disconnect == "cancel")


@router.post("/runs/stream", response_class=StreamingResponse)
async def stream_stateless(principal: Runner, at: TheContext, ask: RunAsk, once: Once = None) -> StreamingResponse:
    """The same, and hear it."""
    taken = await at.submission.take(principal, ask, None, once=once)
    return followed(at, taken, cancel=ask.on_disconnect == "cancel")


@router.post("/runs/batch")
async def batch(principal: Runner, at: TheContext, asks: list[RunAsk]) -> Response:
    """Start several at once."""
    taken = [await at.submission.take(principal, ask, None) for ask in asks[:MOST]]
    return answer([run_document(each.turn) for each in taken])
