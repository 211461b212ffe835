"""States of a thread: how it stands, how it stood, and the little of it that a client may write."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, Field

from service.api.caller import Reader, Runner, TheOffice, answer
from service.api.threads import state_of
from service.documents import state_document
from service.office import Office
from service.refusals import refuse
from service.rewinding import checkpoint
from service.who import Who

router = APIRouter(prefix="/threads", tags=["threads"])
MetadataName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
"""Becomes part of a path into JSON."""


class Update(BaseModel):
    values: dict[str, Any] | list[Any] | None = None
    as_node: str | None = None
    checkpoint: dict[str, Any] | None = None
    checkpoint_id: str | None = None


@router.get("/{thread_id}/state")
async def state(who: Reader, at: TheOffice, thread_id: str) -> Response:
    """How the thread stands now."""
    thread = await at.threads.get(thread_id, who.org)
    return answer(state_document(await state_of(at, thread)))


@router.post("/{thread_id}/state")
async def update_state(who: Runner, at: TheOffice, thread_id: str, asked: Update) -> Response:
    """Add messages. Everything else in the state is evidence, and not a client's to write."""
    thread = await at.threads.get(thread_id, who.org)
    given = asked.values if isinstance(asked.values, dict) else {}
    if set(given) - {"messages"} or (asked.values and not given):
        raise refuse("request_invalid", "Of a state only messages can be written.")
    if await at.turns.unfinished(thread.id):
        raise refuse("thread_busy", "A run works on this thread.")
    now_at = await state_of(at, thread)
    if not now_at.values:
        raise refuse("request_invalid", "The first run of a thread brings its task; there is no state yet.")
    config = await at.house.engine.graph.aupdate_state(
        at.house.engine.config(thread.id), given or None, as_node="__copy__" if not given else None
    )
    return answer({"checkpoint": {"checkpoint_ns": "", **config.get("configurable", {})}})


@router.get("/{thread_id}/state/{checkpoint_id}")
async def state_at(who: Reader, at: TheOffice, thread_id: str, checkpoint_id: str) -> Response:
    """How it stood at a checkpoint."""
    thread = await at.threads.get(thread_id, who.org)
    return answer(state_document(await checkpoint(at.house.engine, thread.id, checkpoint_id)))


class At(BaseModel):
    checkpoint: dict[str, Any]


@router.post("/{thread_id}/state/checkpoint")
async def state_by_document(who: Reader, at: TheOffice, thread_id: str, asked: At) -> Response:
    """The same, with the checkpoint as a document."""
    return await state_at(who, at, thread_id, str(asked.checkpoint.get("checkpoint_id", "")))


class Before(BaseModel):
    checkpoint_id: str | None = Field(default=None, max_length=200)


class History(BaseModel):
    limit: int = Field(default=10, ge=1, le=1_000)
    before: str | Before | None = None
    metadata: dict[MetadataName, Any] | None = None


@router.post("/{thread_id}/history")
async def history(who: Reader, at: TheOffice, thread_id: str, asked: History) -> Response:
    """The states it went through, newest first."""
    return await _history(who, at, thread_id, asked)


@router.get("/{thread_id}/history")
async def history_by_get(
    who: Reader, at: TheOffice, thread_id: str, limit: Annotated[int, Query(ge=1, le=1_000)] = 10,
    before: str | None = None,
) -> Response:  # fmt: skip
    """The same for browsers."""
    return await _history(who, at, thread_id, History(limit=limit, before=before))


async def _history(who: Who, at: Office, thread_id: str, asked: History) -> Response:
    thread = await at.threads.get(thread_id, who.org)
    engine = at.house.engine
    before: Any = asked.before.checkpoint_id if isinstance(asked.before, Before) else asked.before
    until: Any = {"configurable": {"thread_id": thread.id, "checkpoint_id": before}} if before else None
    found = engine.graph.aget_state_history(engine.config(thread.id), filter=asked.metadata, before=until,
                                             limit=asked.limit)  # fmt: skip
    return answer([state_document(each) async for each in found])
