"""Runs without a thread of their own choosing: one is made for them."""

from fastapi import APIRouter, Request
from fastapi.responses import Response, StreamingResponse

from service.api.caller import Runner, TheOffice, answer
from service.api.following import followed, location, waited
from service.api.runs import Once
from service.asking import RunAsk
from service.documents import run_document

router = APIRouter(tags=["runs"])
MOST = 100


@router.post("/runs")
async def create(who: Runner, at: TheOffice, ask: RunAsk, once: Once = None) -> Response:
    """Start a run on a new thread."""
    taken = await at.reception.take(who, ask, None, once=once)
    return answer(run_document(taken.turn), headers=location(taken.turn))


@router.post("/runs/wait")
async def wait(who: Runner, at: TheOffice, ask: RunAsk, request: Request, once: Once = None) -> Response:
    """The same, and wait for it."""
    taken = await at.reception.take(who, ask, None, once=once, heard=False)
    return await waited(at, taken, request, cancel=ask.on_disconnect == "cancel")


@router.post("/runs/stream", response_class=StreamingResponse)
async def stream(who: Runner, at: TheOffice, ask: RunAsk, once: Once = None) -> StreamingResponse:
    """The same, and hear it."""
    taken = await at.reception.take(who, ask, None, once=once)
    return followed(at, taken, cancel=ask.on_disconnect == "cancel")


@router.post("/runs/batch")
async def batch(who: Runner, at: TheOffice, asks: list[RunAsk]) -> Response:
    """Start several at once."""
    taken = [await at.reception.take(who, ask, None) for ask in asks[:MOST]]
    return answer([run_document(each.turn) for each in taken])
