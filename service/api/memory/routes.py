"""Memory: what runs left for later ones, for people to see, correct, pin, forget and export.

Reading needs ``runs:read``, forgetting ``runs:write``; words that steer everybody's runs are for administrators to
write.
"""

import json
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from memory import MOST_TEXT, MemoryKind
from service.api.dependencies import Admin, Reader, Runner, TheContext, answer
from service.errors import refuse
from service.memory.changes import document

router = APIRouter(prefix="/v1/memory", tags=["memory"])


class NewMemory(BaseModel):
    model_config = ConfigDict(extra="forbid")

    repo: str = Field(min_length=1, max_length=2_000)
    """As runs name it: the path of its top, or its URL."""
    title: str = Field(min_length=1, max_length=200)
    text: str = Field(min_length=1, max_length=MOST_TEXT)


class MemoryChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str | None = Field(default=None, max_length=100_000)
    pinned: bool | None = None


@router.get("")
async def list_memories(
    principal: Reader,
    at: TheContext,
    repo: Annotated[str, Query(max_length=2_000)] = "",
    kind: MemoryKind | None = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """The organisation's memories, or those of one repository, the newest first."""
    found = await at.application.memory.all(principal.org, repo=repo)
    fitting = [each for each in found if kind is None or each.kind == kind]
    return answer({"items": [document(each) for each in fitting[offset : offset + limit]], "total": len(fitting)})


@router.get("/export")
async def export(principal: Reader, at: TheContext, repo: Annotated[str, Query(max_length=2_000)] = "") -> Response:
    """All of them as JSON lines."""
    found = await at.application.memory.all(principal.org, repo=repo)
    lines = "".join(f"{json.dumps(document(each), ensure_ascii=False)}\n" for each in found)
    return Response(lines, media_type="application/x-ndjson")


@router.post("", status_code=201)
async def write(principal: Admin, at: TheContext, asked: NewMemory) -> Response:
    """Keep a fact about a repository; it is pinned."""
    written = await at.application.memory_changes.write(
        principal.org, asked.repo, title=asked.title, text=asked.text, person=principal.subject
    )
    return answer(document(written), 201)


@router.get("/{memory_id}")
async def show(principal: Reader, at: TheContext, memory_id: str) -> Response:
    """One memory, by its id or the beginning of it."""
    return answer(document(await at.application.memory.get(principal.org, memory_id)))


@router.patch("/{memory_id}")
async def change(principal: Admin, at: TheContext, memory_id: str, asked: MemoryChange) -> Response:
    """Correct its words, pin it, or let it go."""
    if asked.text is None and asked.pinned is None:
        raise refuse("request_invalid", "Nothing is to be changed: send a text, or pinned.")
    changes, memory = at.application.memory_changes, await at.application.memory.get(principal.org, memory_id)
    if asked.text is not None:
        memory = await changes.edit(principal.org, memory.id, asked.text, person=principal.subject)
    if asked.pinned is not None:
        memory = await changes.pin(principal.org, memory.id, pinned=asked.pinned, person=principal.subject)
    return answer(document(memory))


@router.delete("/{memory_id}", status_code=204)
async def forget(principal: Runner, at: TheContext, memory_id: str) -> None:
    """Remove it; a run may learn the same again."""
    await at.application.memory_changes.forget(principal.org, memory_id, person=principal.subject)
