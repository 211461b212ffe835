"""Routes of threads: created, searched, changed, copied and pruned; their state now and earlier, and forks from it.

Of the state a client may write only the little that LangGraph's clients need.
"""

from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Header, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic_core import from_json

from database import now
from service.api.dependencies import Reader, Runner, TheContext, answer, preferred
from service.auth.principal import Principal
from service.errors import refuse
from service.runs.documents import CALL, ensure_extracts, extracted, select_state, state_document, thread_document
from service.runs.event_log import as_json
from service.runs.history import checkpoint, fork, moments
from service.runs.requests import END, ONLY_MESSAGES
from service.runs.runs import FINAL
from service.runs.threads import Thread, ThreadQuery, ThreadStatus, picked
from service.wiring.server import ServerContext

router = APIRouter(prefix="/threads", tags=["threads"])
Id = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,64}$")


STRICT = ConfigDict(extra="forbid")
"""Nothing that a client asks for is ignored in silence."""
SELECTABLE = frozenset(
    {
        "thread_id",
        "created_at",
        "updated_at",
        "state_updated_at",
        "metadata",
        "config",
        "context",
        "status",
        "error",
        "values",
        "interrupts",
    }
)
"""Fields of a thread; those that read its state are named in ``IN_STATE``."""
IN_STATE = frozenset({"values", "interrupts", "state_updated_at"})
NO_TTL = "Threads do not end by themselves; delete them: DELETE /threads/{id}."


class Create(BaseModel):
    model_config = STRICT

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
            raise refuse("request_invalid", NO_TTL)


class Patch(BaseModel):
    model_config = STRICT

    metadata: dict[str, Any] = Field(default_factory=dict)
    ttl: Any = None


class ThreadSearch(BaseModel):
    model_config = STRICT

    metadata: dict[str, Any] = Field(default_factory=dict)
    ids: list[str] = Field(default_factory=list, max_length=1_000)
    status: ThreadStatus | None = None
    limit: int = Field(default=10, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)
    sort_by: Literal["thread_id", "status", "created_at", "updated_at", "state_updated_at"] | None = None
    sort_order: Literal["asc", "desc"] = "desc"
    order_by: str | None = Field(default=None, pattern=r"^(thread_id|status|(created|updated)_at)( (?i:asc|desc))?$")
    """Both in one, as Aegra's clients write it: ``created_at ASC``."""
    select: list[str] | None = None
    extract: dict[str, str] | None = None
    values: dict[str, Any] | None = None

    def wanted(self, principal: Principal) -> ThreadQuery:
        """Raises ``request_invalid`` for a search by state values: what is in a state is not indexed."""
        if self.values:
            raise refuse("request_invalid", "Threads are found by metadata, ids and status.")
        column, _, order = (self.order_by or "").partition(" ")
        return ThreadQuery(
            org=principal.org,
            metadata=self.metadata,
            ids=tuple(self.ids),
            status=self.status,
            limit=self.limit,
            offset=self.offset,
            sort_by=self.sort_by or column or "created_at",
            ascending=(self.sort_order if self.sort_by else order.lower() or self.sort_order) == "asc",
        )


@router.post("")
async def create(principal: Runner, at: TheContext, asked: Create) -> Response:
    """Make an empty thread; its first run says what is to be done."""
    asked.ensure_supported()
    moment = now()
    thread = Thread(
        id=asked.thread_id or str(uuid4()),
        org=principal.org,
        created_at=moment,
        updated_at=moment,
        metadata={**asked.metadata, "created_by": principal.subject},
    )
    if not await at.threads.add(thread):
        if asked.if_exists == "raise":
            raise refuse("thread_exists", f"There is a thread {thread.id!r} already.")
        thread = await at.threads.get(thread.id, principal.org)
    return answer(thread_document(thread, None))


@router.post("/search")
async def search(principal: Reader, at: TheContext, asked: ThreadSearch) -> Response:
    """One page of threads."""
    extracts = asked.extract or {}
    ensure_extracts(extracts)
    picked({}, asked.select, allowed=SELECTABLE)
    roots = {path.split(".")[0].split("[")[0] for path in extracts.values()}
    bare = bool(asked.select) and not IN_STATE & {*(asked.select or ()), *roots}
    page: list[dict[str, Any]] = []
    for thread in await at.threads.search(asked.wanted(principal)):
        document = await _document(at, thread, with_state=not bare)
        chosen = picked(document, asked.select, allowed=SELECTABLE)
        if extracts:
            plain = from_json(as_json(document))
            chosen["extracted"] = {alias: extracted(plain, path) for alias, path in extracts.items()}
        page.append(chosen)
    return answer(page)


@router.post("/count")
async def count(principal: Reader, at: TheContext, asked: ThreadSearch) -> int:
    """How many there are."""
    return await at.threads.count(asked.wanted(principal))


class Prune(BaseModel):
    model_config = STRICT

    thread_ids: list[str] = Field(max_length=1_000)
    strategy: Literal["delete"] = "delete"


@router.post("/prune")
async def prune(principal: Runner, at: TheContext, asked: Prune) -> dict[str, int]:
    """Delete several threads, softly; those that are not there do not count."""
    threads = await at.threads.search(
        ThreadQuery(org=principal.org, ids=tuple(asked.thread_ids), limit=len(asked.thread_ids))
    )
    # A search without ids is one for all threads, and an empty list means none.
    for thread in threads if asked.thread_ids else ():
        await delete(principal, at, thread.id)
    return {"pruned_count": len(threads) if asked.thread_ids else 0}


@router.get("/{thread_id}")
async def get(principal: Reader, at: TheContext, thread_id: str, include: str = "") -> Response:
    """One thread with its values, and what it waits for; ``include=ttl``: that it has none."""
    more = {name.strip() for name in include.split(",") if name.strip()}
    if more - {"ttl"}:
        raise refuse("request_invalid", "Of the things to include there is only ttl.")
    document = await _document(at, await at.threads.get(thread_id, principal.org))
    return answer(document | dict.fromkeys(more))


@router.patch("/{thread_id}")
async def patch(
    principal: Runner, at: TheContext, thread_id: str, asked: Patch, prefer: Annotated[str, Header()] = ""
) -> Response:
    """Merge into the metadata. ``Prefer: return=minimal``: 204 without the thread (RFC 7240)."""
    if asked.ttl is not None:
        raise refuse("request_invalid", NO_TTL)
    thread = await at.threads.get(thread_id, principal.org)
    await at.threads.update(thread.id, now=now(), metadata={**thread.metadata, **asked.metadata})
    if preferred(prefer).get("return") == "minimal":
        return Response(status_code=204, headers={"preference-applied": "return=minimal"})
    return answer(await _document(at, await at.threads.get(thread_id, principal.org)))


@router.delete("/{thread_id}", status_code=204)
async def delete(principal: Runner, at: TheContext, thread_id: str) -> None:
    """Stop what works on it and hide it; everything of it but approvals and the audit is erased after a while."""
    await at.maintenance.retention.delete(await at.threads.get(thread_id, principal.org))


@router.post("/{thread_id}/copy")
async def copy(principal: Runner, at: TheContext, thread_id: str) -> Response:
    """A new thread that stands where this one stands, files and all."""
    thread = await at.threads.get(thread_id, principal.org)
    engine, moment, new_id, forked = at.submission.of(principal.org), now(), str(uuid4()), False
    if (run := await engine.runs.exactly(thread.id, org=principal.org)) and (steps := await moments(engine, run.id)):
        new_id, forked = (await fork(engine, run, len(steps) - 1)).id, True
    copied = Thread(
        id=new_id,
        org=principal.org,
        created_at=moment,
        updated_at=moment,
        metadata={**thread.metadata, "copied_from": thread.id, "created_by": principal.subject},
    )
    # The fork wrote its run before: the id is taken, by us.
    await at.threads.add(copied, of_run=forked)
    return answer(await _document(at, copied))


async def _document(at: ServerContext, thread: Thread, *, with_state: bool = True) -> dict[str, Any]:
    """A thread as the API shows it, with the error of its last run where that left it in error."""
    failed = next(iter(await at.turns.of(thread.id, limit=1)), None) if thread.status == "error" else None
    return thread_document(thread, await state_of(at, thread) if with_state else None, failed)


async def state_of(at: ServerContext, thread: Thread) -> Any:
    engine = at.application.engine
    return await engine.graph.aget_state(engine.config(thread.id))


Select = Annotated[list[str] | None, Query()]
MetadataName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,100}$")]
"""Becomes part of a path into JSON."""


class Update(BaseModel):
    model_config = STRICT

    values: dict[str, Any] | list[dict[str, Any]] | None = None
    as_node: str | None = None
    checkpoint: dict[str, Any] | None = None
    checkpoint_id: str | None = None

    @property
    def messages(self) -> list[Any]:
        """What is to be added, of one update or of several. Raises ``request_invalid`` for anything but messages."""
        updates = self.values if isinstance(self.values, list) else [self.values] if self.values else []
        if any(set(each) != {"messages"} for each in updates):
            raise refuse("request_invalid", ONLY_MESSAGES)
        sent = [each["messages"] for each in updates]
        messages = [one for each in sent for one in (each if isinstance(each, list) else [each])]
        # A client that writes back what it read does not make what is only shown a part of the state.
        return [one for one in messages if not (isinstance(one, dict) and str(one.get("id")).startswith(CALL))]


@router.get("/{thread_id}/state")
async def state(
    principal: Reader, at: TheContext, thread_id: str, subgraphs: bool = False, select: Select = None
) -> Response:
    """How the thread stands now."""
    thread, engine = await at.threads.get(thread_id, principal.org), at.application.engine
    snapshot = await engine.graph.aget_state(engine.config(thread.id), subgraphs=subgraphs)
    return answer(select_state(state_document(snapshot), select))


@router.post("/{thread_id}/state")
async def update_state(principal: Runner, at: TheContext, thread_id: str, asked: Update) -> Response:
    """Add messages, or end what the thread waits for (``as_node`` ``__end__``, as Agent Inbox does).

    Everything else in the state is evidence, and not a client's to write.
    """
    thread = await at.threads.get(thread_id, principal.org)
    messages = asked.messages
    if await at.turns.unfinished(thread.id):
        raise refuse("thread_busy", "A run works on this thread.", hint="Wait for its run, or cancel it.")
    now_at = await state_of(at, thread)
    if not now_at.values:
        raise refuse(
            "thread_empty", f"Thread {thread.id!r} has no associated graph yet: its first run brings its task."
        )
    here = now_at.config.get("configurable", {})
    named = asked.checkpoint_id or (asked.checkpoint or {}).get("checkpoint_id") or here.get("checkpoint_id")
    if named != here.get("checkpoint_id"):
        raise refuse("request_invalid", "Only the newest state is written to; go back with a run's checkpoint_id.")
    engine = at.application.engine
    if asked.as_node == END and not messages:
        run = await engine.runs.exactly(thread.id, org=principal.org)
        if run is not None and run.status not in FINAL:
            await at.submission.kill(principal, run)
        return answer({"checkpoint": {"checkpoint_ns": "", **(await state_of(at, thread)).config["configurable"]}})
    # ``__start__`` is whose words a run's input are: messages that a person adds have no other author here.
    if asked.as_node not in {None, "__copy__", *(("__start__",) if messages else ())}:
        raise refuse("request_invalid", "A client speaks for no node: leave as_node out, or say __end__.")
    if not messages and asked.as_node is None:  # nothing is written, so nothing is put again
        return answer(state_document(now_at))
    standing = await at.submission.of(principal.org).standing(thread.id)
    config = await engine.graph.aupdate_state(
        engine.config(thread.id),
        {"messages": messages} if messages else None,
        as_node=None if messages else "__copy__",
    )
    if standing.interrupts:
        await at.submission.put_again(standing, principal.org)
    return answer({"checkpoint": {"checkpoint_ns": "", **config.get("configurable", {})}})


@router.patch("/{thread_id}/state")
async def patch_state(principal: Runner, at: TheContext, thread_id: str, asked: Patch) -> Response:
    """Merge into the thread's metadata: what the npm SDK's ``patchState`` asks for."""
    return await patch(principal, at, thread_id, asked)


@router.get("/{thread_id}/state/{checkpoint_id}")
async def state_at(
    principal: Reader,
    at: TheContext,
    thread_id: str,
    checkpoint_id: str,
    subgraphs: bool = False,
    select: Select = None,
) -> Response:
    """How it stood at a checkpoint."""
    thread = await at.threads.get(thread_id, principal.org)
    snapshot = await checkpoint(at.application.engine, thread.id, checkpoint_id, subgraphs=subgraphs)
    return answer(select_state(state_document(snapshot), select))


class At(BaseModel):
    model_config = STRICT

    checkpoint: dict[str, Any]
    subgraphs: bool = False
    select: list[str] | None = None


@router.post("/{thread_id}/state/checkpoint")
async def state_by_document(principal: Reader, at: TheContext, thread_id: str, asked: At) -> Response:
    """The same, with the checkpoint as a document."""
    _ensure_root(asked.checkpoint)
    named = str(asked.checkpoint.get("checkpoint_id") or "")
    if not named:
        return await state(principal, at, thread_id, asked.subgraphs, asked.select)
    return await state_at(principal, at, thread_id, named, asked.subgraphs, asked.select)


def _ensure_root(named: dict[str, Any] | None) -> None:
    """Raise ``request_invalid`` for a checkpoint inside a subgraph, whose states are shown with those of the graph."""
    if (named or {}).get("checkpoint_ns"):
        raise refuse("request_invalid", "States are those of the whole graph; leave checkpoint_ns empty.")


class Before(BaseModel):
    """The parts of a ``Checkpoint`` of the SDKs; the others say nothing here."""

    checkpoint_id: str | None = Field(default=None, max_length=200)


class History(BaseModel):
    model_config = STRICT

    limit: int = Field(default=10, ge=1, le=1_000)
    before: str | Before | None = None
    metadata: dict[MetadataName, Any] | None = None
    checkpoint: dict[str, Any] | None = None
    select: list[str] | None = None


@router.post("/{thread_id}/history")
async def history(principal: Reader, at: TheContext, thread_id: str, asked: History) -> Response:
    """The states it went through, newest first."""
    return await _history(principal, at, thread_id, asked)


@router.get("/{thread_id}/history")
async def history_by_get(
    principal: Reader,
    at: TheContext,
    thread_id: str,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 10,
    before: str | None = None,
) -> Response:
    """The same for browsers."""
    return await _history(principal, at, thread_id, History(limit=limit, before=before))


async def _history(principal: Principal, at: ServerContext, thread_id: str, asked: History) -> Response:
    _ensure_root(asked.checkpoint)
    thread = await at.threads.get(thread_id, principal.org)
    engine = at.application.engine
    before: Any = asked.before.checkpoint_id if isinstance(asked.before, Before) else asked.before
    until: Any = {"configurable": {"thread_id": thread.id, "checkpoint_id": before}} if before else None
    snapshots = engine.graph.aget_state_history(
        engine.config(thread.id), filter=asked.metadata, before=until, limit=asked.limit
    )
    return answer([select_state(state_document(each), asked.select) async for each in snapshots])
