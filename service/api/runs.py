"""Routes of runs: started, waited for, streamed, joined and stopped, on a thread or on one that is made for them."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel

from service.api.dependencies import Reader, Runner, TheContext, answer
from service.api.errors import problem
from service.runs.documents import run_document
from service.runs.event_log import as_json, frame
from service.runs.requests import RunAsk, checked_modes
from service.runs.streaming import final_values, stopped_by_model
from service.runs.submission import Submitted
from service.runs.turns import Turn, TurnStatus
from service.wiring.server import ServerContext

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


LOOK_AGAIN_S = 0.25
"""How often a turn is looked at that another process performs."""
EVENT_STREAM = "text/event-stream"


def location(turn: Turn, then: str = "") -> dict[str, str]:
    """Where the run is, and where to go on after a lost connection."""
    here = f"/threads/{turn.thread}/runs/{turn.id}"
    return {"content-location": here, **({"location": f"{here}/{then}"} if then else {})}


async def result(at: ServerContext, turn: Turn) -> dict[str, Any]:
    """How the thread of a turn stands, as a client that waited gets it."""
    values = final_values(await at.submission.of(turn.org).standing(turn.thread))
    latest = await at.turns.get(turn.id, turn.org)
    if latest.status == "error" and latest.error_code and "__error__" not in values:
        values["__error__"] = {"error": latest.error_code, "message": latest.error or ""}
    return values


async def waited(at: ServerContext, taken: Submitted, request: Request, *, cancel: bool) -> Response:
    """The state once the turn pauses or ends."""
    try:
        await finished(at, taken)
    except asyncio.CancelledError:
        if cancel and await request.is_disconnected():
            await asyncio.shield(at.dispatch.stop(taken.turn, "interrupt", "disconnected"))
        raise
    known = taken.feed.result if taken.feed else None
    values = known if known is not None else await result(at, taken.turn)
    where = location(taken.turn, "join")
    if (error := stopped_by_model(values)) is None:
        return answer(values, headers=where)
    told = problem(error, instance=request.url.path, thread_id=taken.turn.thread, run_id=taken.turn.id)
    told.headers.update(where)
    return told


async def finished(at: ServerContext, taken: Submitted) -> None:
    """Return when the turn has ended, wherever it is performed."""
    await at.dispatch.done(taken.turn)
    if taken.feed is not None and taken.feed.result is not None:  # this process performed it, to its end
        return
    while (await at.turns.get(taken.turn.id, taken.turn.org)).open:  # noqa: ASYNC110  a command line works on it
        await asyncio.sleep(LOOK_AGAIN_S)


def followed(at: ServerContext, taken: Submitted, *, cancel: bool) -> StreamingResponse:
    """Everything the turn says, from its first event."""
    return joined(at, taken.turn, after=None, modes=(), cancel=cancel)


def joined(
    at: ServerContext, turn: Turn | None, *, after: str | None, modes: tuple[str, ...], cancel: bool
) -> StreamingResponse:
    """What the turn says after an event; only these modes when any are named."""

    async def told() -> AsyncGenerator[bytes]:
        if turn is None:
            yield frame("end", b"null")
            return
        feed, complete = at.dispatch.hear(turn) if turn.asked.get("modes") else None, False
        try:
            if feed is not None:
                async for each in feed.listen(after):
                    if _wanted(each, modes):
                        yield each
            else:
                await finished(at, Submitted(turn=turn, feed=None))
                yield frame("values", as_json(await result(at, turn)))
            complete = True
            yield frame("end", b"null")
        finally:
            if cancel and not complete:
                await asyncio.shield(at.dispatch.stop(turn, "interrupt", "disconnected"))

    headers = location(turn, "stream") if turn else {}
    return StreamingResponse(told(), media_type=EVENT_STREAM, headers={**headers, "x-accel-buffering": "no"})


def _wanted(each: bytes, modes: tuple[str, ...]) -> bool:
    if not modes or each.startswith(b":"):
        return True
    event = each.partition(b"event: ")[2].partition(b"\n")[0].decode()
    return event.split("|")[0].split("/")[0] in {*modes, "metadata", "error"} or (
        event == "messages" and "messages-tuple" in modes
    )
