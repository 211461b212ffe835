"""Routes of assistants: found, made, changed in versions, and deleted.

An assistant names a repository and how it is worked on. What a graph may do is decided by its operator, not by its
clients: there is one graph, and two assistants of the server's own.
"""

from dataclasses import replace
from typing import Annotated, Any, Literal
from uuid import uuid4

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from database import now
from graphs import State
from service.api.dependencies import Reader, Runner, TheContext, answer
from service.auth.principal import Principal
from service.errors import refuse
from service.runs.requests import ASSISTANTS, Assistant
from service.runs.threads import GRAPH, ThreadQuery, picked
from service.storage.assistants import AssistantQuery, SortBy
from service.wiring.server import ServerContext

router = APIRouter(prefix="/assistants", tags=["assistants"])
STRICT = ConfigDict(extra="forbid")


class AssistantSearch(BaseModel):
    model_config = STRICT

    graph_id: str | None = None
    name: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    limit: int = Field(default=10, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)
    sort_by: SortBy | None = None
    sort_order: Literal["asc", "desc"] | None = None
    select: list[str] | None = None

    def query(self, principal: Principal) -> AssistantQuery:
        """What the storage is asked."""
        return AssistantQuery(
            org=principal.org,
            graph_id=self.graph_id,
            name=self.name,
            metadata=self.metadata,
            sort_by=self.sort_by or "created_at",
            ascending=self.sort_order == "asc",
            limit=self.limit,
            offset=self.offset,
        )


class Versions(BaseModel):
    model_config = STRICT

    metadata: dict[str, Any] | None = None
    limit: int = Field(default=10, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class AssistantSettings(BaseModel):
    """What a version says; what is None stays as it is."""

    model_config = STRICT

    graph_id: str | None = None
    name: str | None = Field(default=None, max_length=300)
    description: str | None = Field(default=None, max_length=10_000)
    config: dict[str, Any] | None = None
    context: dict[str, Any] | None = None
    metadata: dict[str, Any] | None = None

    @property
    def changes(self) -> dict[str, Any]:
        """Fields that were sent. Raises ``assistant_not_found`` for a graph that there is not."""
        if self.graph_id not in {None, GRAPH}:
            raise refuse("assistant_not_found", f"There is no graph {self.graph_id!r}.", hint=f"There is {GRAPH!r}.")
        names = ("name", "description", "config", "context", "metadata")
        return {name: part for name in names if (part := getattr(self, name)) is not None}


class CreateAssistant(AssistantSettings):
    assistant_id: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$")
    if_exists: Literal["raise", "do_nothing"] = "raise"


class Latest(BaseModel):
    model_config = STRICT

    version: int = Field(ge=1, le=2**31 - 1)


@router.post("")
async def create(principal: Runner, at: TheContext, asked: CreateAssistant) -> dict[str, Any]:
    """Make an assistant: a name, and in ``config.configurable`` or ``context`` the repository and its settings."""
    moment = now()
    changes: dict[str, Any] = {"name": "Untitled", **asked.changes}
    changes["metadata"] = {**changes.get("metadata", {}), "created_by": principal.subject}
    made = Assistant(id=asked.assistant_id or str(uuid4()), **changes, created_at=moment, updated_at=moment)
    _ensure_usable(at, made)
    if not await at.assistants.add(made, principal.org):
        if asked.if_exists == "raise":
            raise refuse("assistant_exists", f"There is an assistant {made.id!r} already.")
        made = await at.assistants.get(made.id, principal.org)
    return made.document


def _ensure_usable(at: ServerContext, made: Assistant) -> None:
    made.ensure_settings()
    if repo := made.settings.get("repo"):
        at.submission.may_use(str(repo))


@router.post("/search")
async def search(principal: Reader, at: TheContext, asked: AssistantSearch) -> list[dict[str, Any]]:
    """One page of assistants, newest first."""
    page = await at.assistants.search(asked.query(principal))
    return [picked(each.document, asked.select, allowed=ASSISTANTS[0].document) for each in page]


@router.post("/count")
async def count(principal: Reader, at: TheContext, asked: AssistantSearch) -> int:
    """How many there are."""
    return await at.assistants.count(asked.query(principal))


@router.get("/{assistant_id}")
async def get(principal: Reader, at: TheContext, assistant_id: str) -> dict[str, Any]:
    """One assistant, by its id; one of the server's own also by its name."""
    return (await at.assistants.get(assistant_id, principal.org)).document


@router.patch("/{assistant_id}")
async def patch(principal: Runner, at: TheContext, assistant_id: str, asked: AssistantSettings) -> dict[str, Any]:
    """Make a new version with these changes; metadata is merged."""
    known, changes = await at.assistants.get(assistant_id, principal.org), asked.changes
    _ensure_usable(at, replace(known, **changes))
    return (await at.assistants.update(assistant_id, principal.org, changes)).document


@router.delete("/{assistant_id}", status_code=204)
async def delete(
    principal: Runner, at: TheContext, assistant_id: str, delete_threads: Annotated[bool, Query()] = False
) -> None:
    """Delete it, stop its runs and forget them, and end its schedules.

    What they did stays in their threads, unless those are to go along.
    """
    known = await at.assistants.delete(assistant_id, principal.org)
    for turn in reversed(await at.turns.unfinished()):
        if (turn.org, turn.assistant) == (principal.org, known.id):
            await at.dispatch.stop(turn, "interrupt", "assistant_deleted")
    await at.turns.delete_of(known.id, principal.org)
    await at.crons.drop(principal.org, assistant=known.id)
    query = ThreadQuery(org=principal.org, metadata={"assistant_id": known.id}, limit=100)
    while delete_threads and (page := await at.threads.search(query)):
        for thread in page:
            await at.maintenance.retention.delete(thread)


@router.post("/{assistant_id}/latest")
async def set_latest(principal: Runner, at: TheContext, assistant_id: str, asked: Latest) -> dict[str, Any]:
    """Go back, or forward, to a version."""
    return (await at.assistants.set_latest(assistant_id, principal.org, asked.version)).document


@router.get("/{assistant_id}/graph", response_model=None)
async def graph(principal: Reader, at: TheContext, assistant_id: str, xray: bool = False) -> Response:
    """Nodes and edges."""
    await at.assistants.get(assistant_id, principal.org)
    return answer(at.application.engine.graph.get_graph(xray=xray).to_json())


@router.get("/{assistant_id}/schemas", response_model=None)
async def schemas(principal: Reader, at: TheContext, assistant_id: str) -> Response:
    """JSON schemas of input and state."""
    found = await at.assistants.get(assistant_id, principal.org)
    state: dict[str, Any] = {"type": "object", "title": "State", "properties": {k: {} for k in State.__annotations__}}
    given = {
        "type": "object",
        "title": "Input",
        "properties": {
            "task": {"type": "object"},
            "messages": {"type": "array", "items": {"type": "object"}},
            "repo": {"type": "string"},
        },
    }
    return answer(
        {
            "graph_id": found.graph,
            "input_schema": given,
            "output_schema": state,
            "state_schema": state,
            "config_schema": None,
            "context_schema": None,
        }
    )


@router.get("/{assistant_id}/subgraphs", response_model=None)
async def subgraphs(principal: Reader, at: TheContext, assistant_id: str) -> Response:
    """The graphs inside the graph, by node."""
    found = await at.assistants.get(assistant_id, principal.org)
    inner = {name: {"graph_id": found.graph} for name, _ in at.application.engine.graph.get_subgraphs()}
    return answer(inner)


@router.post("/{assistant_id}/versions")
async def versions(
    principal: Reader, at: TheContext, assistant_id: str, asked: Versions | None = None
) -> list[dict[str, Any]]:
    """What it said, newest first."""
    asked = asked or Versions()
    page = await at.assistants.versions(
        assistant_id, principal.org, metadata=asked.metadata or {}, limit=asked.limit, offset=asked.offset
    )
    return [each.document for each in page]
