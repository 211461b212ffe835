"""Assistants: fixed, because what a graph may do is decided by its operator and not by its clients."""

from operator import itemgetter
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from graphs import State
from service.api.dependencies import Reader, TheContext, answer
from service.runs.requests import ASSISTANTS, Assistant, assistant
from service.runs.threads import picked

router = APIRouter(prefix="/assistants", tags=["assistants"])


class AssistantSearch(BaseModel):
    model_config = ConfigDict(extra="forbid")

    graph_id: str | None = None
    name: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    limit: int = Field(default=10, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)
    sort_by: Literal["assistant_id", "graph_id", "name", "created_at", "updated_at"] | None = None
    sort_order: Literal["asc", "desc"] | None = None
    select: list[str] | None = None


class Versions(BaseModel):
    model_config = ConfigDict(extra="forbid")

    metadata: dict[str, Any] | None = None
    limit: int = Field(default=10, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


def _found(asked: AssistantSearch) -> list[Assistant]:
    def fits(each: Assistant) -> bool:
        described = each.document["metadata"]
        return (
            asked.graph_id in {None, each.graph}
            and (asked.name is None or asked.name.lower() in each.name)
            and all(described.get(key) == part for key, part in asked.metadata.items())
        )

    return [each for each in ASSISTANTS if fits(each)]


@router.post("/search")
async def search(_: Reader, asked: AssistantSearch) -> list[dict[str, Any]]:
    """One page of assistants."""
    documents = [each.document for each in _found(asked)]
    if asked.sort_by is not None:
        documents.sort(key=itemgetter(asked.sort_by), reverse=asked.sort_order != "asc")
    page = documents[asked.offset : asked.offset + asked.limit]
    return [picked(document, asked.select, allowed=ASSISTANTS[0].document) for document in page]


@router.post("/count")
async def count(_: Reader, asked: AssistantSearch) -> int:
    """How many there are."""
    return len(_found(asked))


@router.get("/{assistant_id}")
async def get(_: Reader, assistant_id: str) -> dict[str, Any]:
    """One assistant, by its id or its name."""
    return assistant(assistant_id).document


@router.get("/{assistant_id}/graph", response_model=None)
async def graph(_: Reader, at: TheContext, assistant_id: str, xray: bool = False) -> Response:
    """Nodes and edges."""
    assistant(assistant_id)
    return answer(at.application.engine.graph.get_graph(xray=xray).to_json())


@router.get("/{assistant_id}/schemas", response_model=None)
async def schemas(_: Reader, assistant_id: str) -> Response:
    """JSON schemas of input and state."""
    chosen = assistant(assistant_id)
    state: dict[str, Any] = {"type": "object", "title": "State", "properties": {k: {} for k in State.__annotations__}}
    input_schema = {
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
            "graph_id": chosen.graph,
            "input_schema": input_schema,
            "output_schema": state,
            "state_schema": state,
            "config_schema": None,
            "context_schema": None,
        }
    )


@router.get("/{assistant_id}/subgraphs", response_model=None)
async def subgraphs(_: Reader, at: TheContext, assistant_id: str) -> Response:
    """The graphs inside the graph, by node."""
    chosen = assistant(assistant_id)
    inner = {name: {"graph_id": chosen.graph} for name, _ in at.application.engine.graph.get_subgraphs()}
    return answer(inner)


@router.post("/{assistant_id}/versions")
async def versions(_: Reader, assistant_id: str, asked: Versions | None = None) -> list[dict[str, Any]]:
    """There is one version."""
    only, asked = assistant(assistant_id).document, asked or Versions()
    fits = (asked.metadata or {}).items() <= only["metadata"].items()
    return [only][asked.offset :] if fits else []
