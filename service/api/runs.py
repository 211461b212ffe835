"""Routes of runs: started, waited for, streamed, joined and stopped, on a thread or on one that is made for them."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict
from starlette.types import Receive, Scope, Send

from domain import SignoffError
from service.api.dependencies import Reader, Runner, TheContext, answer, preferred
from service.api.errors import problem
from service.errors import refuse
from service.runs.documents import RUN_FIELDS, run_document
from service.runs.event_log import as_json, frame
from service.runs.requests import RunAsk, checked_modes
from service.runs.streaming import REFS, final_values, stopped_by_model
from service.runs.submission import Submitted
from service.runs.threads import picked
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
    return waited(at, taken, request, cancel=ask.on_disconnect == "cancel")


@router.post("/threads/{thread_id}/runs/stream", response_class=StreamingResponse)
async def stream(
    principal: Runner, at: TheContext, thread_id: str, ask: RunAsk, request: Request, once: Once = None
) -> StreamingResponse:
    """Start a run and hear what happens, as server-sent events."""
    taken = await at.submission.take(principal, ask, thread_id, once=once)
    return followed(at, taken, request, cancel=ask.on_disconnect == "cancel")


@router.get("/threads/{thread_id}/runs")
async def list_runs(
    principal: Reader,
    at: TheContext,
    thread_id: str,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 10,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    status: TurnStatus | None = None,
    select: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """The thread's runs, newest first."""
    # A field that is not known is refused also where there is no run to pick it from.
    picked({}, select, allowed=RUN_FIELDS)
    thread = await at.threads.get(thread_id, principal.org)
    turns = await at.turns.of(thread.id, status=status, limit=limit, offset=offset)
    return answer([picked(run_document(turn), select, allowed=RUN_FIELDS) for turn in turns])


@router.get("/threads/{thread_id}/runs/{run_id}")
async def get(principal: Reader, at: TheContext, thread_id: str, run_id: str) -> Response:
    """One run; the thread's newest, once it paused or ended, with its output, as waiting for it gives it."""
    turn = await at.turn_of(run_id, principal.org, thread=thread_id)
    document = run_document(turn)
    # It may have been deleted in between, and nothing is the newest then.
    if not turn.open and [each.id for each in await at.turns.of(turn.thread, limit=1)] == [turn.id]:
        document["output"] = await result(at, turn)
    return answer(document)


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
    if action == "rollback":
        return answer(None, 200 if wait else 202)
    stopped = await at.turns.get(turn.id, principal.org)
    return answer(run_document(stopped), 202 if stopped.open else 200)


@router.get("/threads/{thread_id}/runs/{run_id}/join")
async def join(
    principal: Reader,
    at: TheContext,
    thread_id: str,
    run_id: str,
    request: Request,
    cancel_on_disconnect: bool = False,
) -> Response:
    """Wait for a run that was started before."""
    turn = await at.turn_of(run_id, principal.org, thread=thread_id)
    taken = Submitted(turn=turn, feed=at.dispatch.hear(turn))
    return waited(at, taken, request, cancel=cancel_on_disconnect)


@router.get("/threads/{thread_id}/runs/{run_id}/stream", response_class=StreamingResponse)
async def join_stream(
    principal: Reader,
    at: TheContext,
    thread_id: str,
    run_id: str,
    request: Request,
    last: LastId = None,
    cancel_on_disconnect: bool = False,
    stream_mode: Annotated[list[str] | None, Query()] = None,
) -> StreamingResponse:
    """Hear a run that was started before, from the event after ``Last-Event-ID`` or from its beginning."""
    turn = await at.turn_of(run_id, principal.org, thread=thread_id)
    modes = checked_modes([mode for mode in stream_mode or () if mode])
    return joined(at, turn, request, after=last, modes=modes, cancel=cancel_on_disconnect)


class CancelMany(BaseModel):
    model_config = ConfigDict(extra="forbid")

    thread_id: str | None = None
    run_ids: list[str] | None = None
    status: Literal["pending", "running", "all"] | None = None


@router.post("/runs/cancel", status_code=204)
async def cancel_many(
    principal: Runner, at: TheContext, asked: CancelMany, action: Literal["interrupt", "rollback"] = "interrupt"
) -> None:
    """Stop several runs: of a thread by their ids, or all of a status."""
    for turn in reversed(await at.turns.unfinished(asked.thread_id)):
        chosen = (asked.run_ids is None or turn.id in asked.run_ids) and asked.status in {None, "all", turn.status}
        if turn.org == principal.org and chosen and (asked.run_ids or asked.status):
            await at.dispatch.stop(turn, action, "user")


@router.get("/threads/{thread_id}/stream", response_class=StreamingResponse)
async def thread_stream(
    principal: Reader, at: TheContext, thread_id: str, request: Request, last: LastId = None
) -> StreamingResponse:
    """Hear the newest run of a thread."""
    thread = await at.threads.get(thread_id, principal.org)
    newest: Any = next(iter(await at.turns.of(thread.id, limit=1)), None)
    return joined(at, newest, request, after=last, modes=(), cancel=False)


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
    return waited(at, taken, request, cancel=ask.on_disconnect == "cancel")


@router.post("/runs/stream", response_class=StreamingResponse)
async def stream_stateless(
    principal: Runner, at: TheContext, ask: RunAsk, request: Request, once: Once = None
) -> StreamingResponse:
    """The same, and hear it."""
    taken = await at.submission.take(principal, ask, None, once=once)
    return followed(at, taken, request, cancel=ask.on_disconnect == "cancel")


@router.post("/runs/batch")
async def batch(principal: Runner, at: TheContext, asks: list[RunAsk]) -> Response:
    """Start several at once. Raises ``request_invalid`` for more than 100: none of them is started then."""
    if len(asks) > MOST:
        raise refuse("request_invalid", f"At most {MOST} runs are started at once.")
    taken = [await at.submission.take(principal, ask, None) for ask in asks]
    return answer([run_document(each.turn) for each in taken])


HEAD_S, BEAT_S, MOST_WAIT_S = 1.0, 5.0, 600.0
"""How long the head of an answer waits for the run's end, how often a blank follows it, and the most that a client may
ask the head to wait by ``Prefer: wait=SECONDS`` (RFC 7240): a run that a model stops has an HTTP status of its own."""
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


def waited(at: ServerContext, taken: Submitted, request: Request, *, cancel: bool) -> Response:
    """The state once the turn pauses or ends, and its head before that where it takes long."""
    wait = preferred(request.headers.get("prefer", "")).get("wait", "")
    head_s = min(float(wait), MOST_WAIT_S) if wait.isascii() and wait.isdigit() and len(wait) < 10 else HEAD_S  # noqa: PLR2004
    return WaitingResponse(at, taken, cancel=cancel, head_s=head_s, stopping=request.app.state.stopping)


class WaitingResponse(Response):
    """An answer whose head does not wait for its end: where the run is, then a blank at times, then the state.

    JSON may begin with white space, so the blanks only keep proxies and clients from giving up. A run that a model
    stopped has the HTTP status of that error when it ends before the head is sent; later, its error stands in the
    state as ``__error__``, as LangGraph's clients expect it. A server that goes down answers 503 before the head, and
    cuts the answer off behind it, so that nobody takes it for whole: LangGraph's clients go on at ``location``.
    """

    def __init__(
        self, at: ServerContext, taken: Submitted, *, cancel: bool, head_s: float, stopping: asyncio.Event
    ) -> None:
        super().__init__(media_type="application/json")
        self.at, self.taken, self.cancel, self.head_s, self.stopping = at, taken, cancel, head_s, stopping
        self.where = location(taken.turn, "join")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer. See ASGI."""
        ended = asyncio.ensure_future(self._values())
        gone = asyncio.ensure_future(disconnected(receive))
        stopping = asyncio.ensure_future(self.stopping.wait())
        events: set[asyncio.Future[Any]] = {ended, gone, stopping}
        begun, pause = False, self.head_s
        try:
            while not (await asyncio.wait(events, timeout=pause, return_when=asyncio.FIRST_COMPLETED))[0]:
                if not begun:
                    # Without the length that Starlette counted: it is not known yet.
                    own = [(name, part) for name, part in self.raw_headers if name != b"content-length"]
                    head = own + [(name.encode(), part.encode()) for name, part in self.where.items()]
                    await send({"type": "http.response.start", "status": 200, "headers": head})
                    begun, pause = True, BEAT_S
                await send({"type": "http.response.body", "body": b"\n", "more_body": True})
            if ended.done():
                await self._end(ended, scope, receive, send, begun=begun)
            elif gone.done():
                if self.cancel:
                    # This task is cancelled with its connection, and half a stop would leave a turn that nobody hears.
                    await asyncio.shield(self.at.dispatch.stop(self.taken.turn, "interrupt", "disconnected"))
            elif not begun:
                await self._say(refuse("server_stopping", "This server goes down."), scope, receive, send)
        finally:
            for each in events:
                each.cancel()
            await asyncio.gather(*events, return_exceptions=True)

    async def _values(self) -> Mapping[str, Any]:
        await finished(self.at, self.taken)
        known = self.taken.feed.result if self.taken.feed else None
        return known if known is not None else await result(self.at, self.taken.turn)

    async def _end(
        self, ended: asyncio.Future[Mapping[str, Any]], scope: Scope, receive: Receive, send: Send, *, begun: bool
    ) -> None:
        if begun:
            try:
                values = ended.result()
            except SignoffError as error:
                values = {"__error__": {"error": error.stable_code, "message": error.message, "hint": error.hint}}
            await send({"type": "http.response.body", "body": as_json(values)})
        elif (error := stopped_by_model(values := ended.result())) is not None:
            await self._say(error, scope, receive, send)
        else:
            await answer(values, headers=self.where)(scope, receive, send)

    async def _say(self, error: SignoffError, scope: Scope, receive: Receive, send: Send) -> None:
        turn = self.taken.turn
        response = problem(error, instance=scope["path"], thread_id=turn.thread, run_id=turn.id)
        response.headers.update(self.where)
        await response(scope, receive, send)


async def disconnected(receive: Receive) -> None:
    """Return when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def _until(stopping: asyncio.Event, parts: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """What comes before the server goes down."""
    down = asyncio.ensure_future(stopping.wait())
    try:
        async with aclosing(parts):
            while True:
                part = asyncio.ensure_future(anext(parts, None))
                try:
                    await asyncio.wait({part, down}, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    if not part.done():
                        part.cancel()
                        await asyncio.gather(part, return_exceptions=True)
                if part.cancelled() or (following := part.result()) is None:
                    return
                yield following
    finally:
        down.cancel()


async def finished(at: ServerContext, taken: Submitted) -> None:
    """Return when the turn has ended, wherever it is performed."""
    await at.dispatch.done(taken.turn)
    if taken.feed is not None and taken.feed.result is not None:  # this process performed it, to its end
        return
    while (await at.turns.get(taken.turn.id, taken.turn.org)).open:  # noqa: ASYNC110  a command line works on it
        await asyncio.sleep(LOOK_AGAIN_S)


def followed(at: ServerContext, taken: Submitted, request: Request, *, cancel: bool) -> StreamingResponse:
    """Everything the turn says, from its first event."""
    return joined(at, taken.turn, request, after=None, modes=(), cancel=cancel)


def joined(
    at: ServerContext, turn: Turn | None, request: Request, *, after: str | None, modes: tuple[str, ...], cancel: bool
) -> StreamingResponse:
    """What the turn says after an event; only these modes when any are named.

    When the server goes down the stream ends without its ``end``: clients go on with it at ``location``.
    """
    stopping: asyncio.Event = request.app.state.stopping

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
            if cancel and not complete and not stopping.is_set():
                await asyncio.shield(at.dispatch.stop(turn, "interrupt", "disconnected"))

    headers = location(turn, "stream") if turn else {}
    return StreamingResponse(
        _until(stopping, told()), media_type=EVENT_STREAM, headers={**headers, "x-accel-buffering": "no"}
    )


def _wanted(each: bytes, modes: tuple[str, ...]) -> bool:
    event = each.partition(b"event: ")[2].partition(b"\n")[0].decode()
    if not modes or each.startswith(b":"):
        return not event.startswith(REFS)
    return event.split("|")[0].split("/")[0] in {*modes, "metadata", "error"} or (
        event == "messages" and "messages-tuple" in modes
    )
