"""Threads: made, found, changed, copied, and travelled through."""

from typing import Any, Literal
from uuid import uuid4

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from service.api.caller import Reader, Runner, TheOffice, answer
from service.documents import thread_document
from service.history import fork, moments
from service.office import Office
from service.refusals import refuse
from service.threads import Thread, ThreadStatus, Wanted, picked
from service.who import Who
from service.wiring import now

router = APIRouter(prefix="/threads", tags=["threads"])
Id = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,64}$")


class Create(BaseModel):
    thread_id: str | None = Id
    metadata: dict[str, Any] = Field(default_factory=dict)
    if_exists: Literal["raise", "do_nothing"] = "raise"
    ttl: Any = None
    supersteps: list[Any] | None = None

    def ensure_supported(self) -> None:
        """Say no to what would be ignored in silence."""
        if self.supersteps:
            raise refuse("request_invalid", "A thread's states come from its runs; clients write none.")
        if self.ttl is not None:
            raise refuse("request_invalid", "Threads do not end by themselves; delete them: DELETE /threads/{id}.")


class Patch(BaseModel):
    metadata: dict[str, Any] = Field(default_factory=dict)


class Search(BaseModel):
    metadata: dict[str, Any] = Field(default_factory=dict)
    ids: list[str] = Field(default_factory=list, max_length=1_000)
    status: ThreadStatus | None = None
    limit: int = Field(default=10, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)
    sort_by: Literal["thread_id", "status", "created_at", "updated_at", "state_updated_at"] | None = None
    sort_order: Literal["asc", "desc"] = "desc"
    select: list[str] | None = None
    values: dict[str, Any] | None = None

    def wanted(self, who: Who) -> Wanted:
        """Raises ``request_invalid`` for a search by state values: what is in a state is not indexed."""
        if self.values:
            raise refuse("request_invalid", "Threads are found by metadata, ids and status.")
        return Wanted(org=who.org, metadata=self.metadata, ids=tuple(self.ids), status=self.status, limit=self.limit,
                      offset=self.offset, sort_by=self.sort_by or "created_at",
                      ascending=self.sort_order == "asc")  # fmt: skip


@router.post("")
async def create(who: Runner, at: TheOffice, asked: Create) -> Response:
    """Make an empty thread; its first run says what is to be done."""
    asked.ensure_supported()
    moment = now()
    thread = Thread(id=asked.thread_id or str(uuid4()), org=who.org, created_at=moment, updated_at=moment,
                    metadata={**asked.metadata, "created_by": who.subject})  # fmt: skip
    if not await at.threads.add(thread):
        if asked.if_exists == "raise":
            raise refuse("thread_exists", f"There is a thread {thread.id!r} already.")
        thread = await at.threads.get(thread.id, who.org)
    return answer(thread_document(thread, None))


@router.post("/search")
async def search(who: Reader, at: TheOffice, asked: Search) -> Response:
    """One page of threads."""
    found = await at.threads.search(asked.wanted(who))
    bare = asked.select is not None and not {"values", "interrupts"} & set(asked.select)
    documents = [thread_document(each, None if bare else await state_of(at, each)) for each in found]
    return answer([picked(document, asked.select) for document in documents])


@router.post("/count")
async def count(who: Reader, at: TheOffice, asked: Search) -> int:
    """How many there are."""
    return await at.threads.count(asked.wanted(who))


class Prune(BaseModel):
    thread_ids: list[str] = Field(max_length=1_000)
    strategy: Literal["delete"] = "delete"


@router.post("/prune")
async def prune(who: Runner, at: TheOffice, asked: Prune) -> dict[str, int]:
    """Delete several threads, softly; those that are not there do not count."""
    found = await at.threads.search(Wanted(org=who.org, ids=tuple(asked.thread_ids), limit=len(asked.thread_ids)))
    for thread in found if asked.thread_ids else ():
        await delete(who, at, thread.id)
    return {"pruned_count": len(found) if asked.thread_ids else 0}


@router.get("/{thread_id}")
async def get(who: Reader, at: TheOffice, thread_id: str) -> Response:
    """One thread with its values, and what it waits for."""
    thread = await at.threads.get(thread_id, who.org)
    return answer(thread_document(thread, await state_of(at, thread)))


@router.patch("/{thread_id}")
async def patch(who: Runner, at: TheOffice, thread_id: str, asked: Patch) -> Response:
    """Merge into the metadata."""
    thread = await at.threads.get(thread_id, who.org)
    await at.threads.update(thread.id, now=now(), metadata={**thread.metadata, **asked.metadata})
    return answer(thread_document(await at.threads.get(thread_id, who.org), await state_of(at, thread)))


@router.delete("/{thread_id}", status_code=204)
async def delete(who: Runner, at: TheOffice, thread_id: str) -> None:
    """Stop what works on it and hide it. Approvals and the audit stay."""
    thread = await at.threads.get(thread_id, who.org)
    for turn in reversed(await at.turns.unfinished(thread.id)):
        await at.dispatch.stop(turn, "interrupt", "deleted")
    await at.threads.bury(thread.id, now=now())


@router.post("/{thread_id}/copy")
async def copy(who: Runner, at: TheOffice, thread_id: str) -> Response:
    """A new thread that stands where this one stands, files and all."""
    thread = await at.threads.get(thread_id, who.org)
    engine, moment, made, forked = at.reception.of(who.org), now(), str(uuid4()), False
    if (run := await engine.runs.exactly(thread.id, org=who.org)) and (steps := await moments(engine, run.id)):
        made, forked = (await fork(engine, run, len(steps) - 1)).id, True
    copied = Thread(id=made, org=who.org, created_at=moment, updated_at=moment,
                    metadata={**thread.metadata, "copied_from": thread.id, "created_by": who.subject})  # fmt: skip
    await at.threads.add(copied, of_run=forked)
    return answer(thread_document(copied, await state_of(at, copied)))


async def state_of(at: Office, thread: Thread) -> Any:
    engine = at.house.engine
    return await engine.graph.aget_state(engine.config(thread.id))
