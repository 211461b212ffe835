"""Streaming over HTTP: wait for a turn, or hear it, for as long as the client stays."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

from fastapi import Request
from fastapi.responses import Response, StreamingResponse

from service.api.dependencies import answer
from service.api.errors import problem
from service.runs.sse import as_json, frame
from service.runs.streaming import final_values, stopped_by_model
from service.runs.submission import Submitted
from service.runs.turns import Turn
from service.wiring.server import ServerContext

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
