"""The store: JSON documents of an organisation, by namespace and key."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from memory import NAMESPACE
from service.api.dependencies import Reader, Runner, TheContext
from service.errors import refuse

router = APIRouter(prefix="/store", tags=["store"])
Key = Field(min_length=1, max_length=300)
Namespace = Field(max_length=20)


STRICT = ConfigDict(extra="forbid")
"""Nothing that a client asks for is ignored in silence."""


class Put(BaseModel):
    model_config = STRICT

    namespace: list[str] = Namespace
    key: str = Key
    value: dict[str, Any] | None = None
    """An object; None is refused by the route, since the SDK leaves it out and "field required" would say nothing."""
    ttl: float | None = None
    index: list[str] | Literal[False] | None = None


class Delete(BaseModel):
    model_config = STRICT

    namespace: list[str] = Namespace
    key: str = Key


class ItemSearch(BaseModel):
    model_config = STRICT

    namespace_prefix: list[str] = Field(default_factory=list, max_length=20)
    filter: dict[str, Any] | None = None
    query: str | None = Field(default=None, max_length=2_000)
    refresh_ttl: bool | None = None
    """Items live for ever, so there is nothing to refresh."""
    limit: int = Field(default=10, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


class Namespaces(BaseModel):
    model_config = STRICT

    prefix: list[str] | None = Field(default=None, max_length=20)
    suffix: list[str] | None = Field(default=None, max_length=20)
    max_depth: int | None = Field(default=None, ge=1, le=20)
    limit: int = Field(default=100, ge=1, le=1_000)
    offset: int = Field(default=0, ge=0, le=1_000_000)


def ensure_own(namespace: list[str]) -> None:
    """Raise ``namespace_reserved`` for what a client may read here and not change: runs act by what they remember."""
    if namespace[:1] == [NAMESPACE]:
        raise refuse("namespace_reserved", "What runs remember is not changed here.")


@router.put("/items", status_code=204)
async def put(principal: Runner, at: TheContext, item: Put) -> None:
    """Write an item."""
    if item.value is None:
        raise refuse("request_invalid", "The value of an item is an object.")
    if item.ttl is not None:
        raise refuse("request_invalid", "Items do not end by themselves; delete them: DELETE /store/items.")
    if item.index:
        raise refuse("request_invalid", "Items are found by namespace and filter; there is no index over their text.")
    ensure_own(item.namespace)
    await at.items.put(principal.org, item.namespace, item.key, item.value)


@router.get("/items")
async def get(
    principal: Reader,
    at: TheContext,
    key: Annotated[str, Query(min_length=1, max_length=300)],
    namespace: Annotated[str, Query()] = "",
) -> dict[str, Any] | None:
    """Read one; the namespace's words with dots between. Null where there is none, as LangGraph's server says it."""
    return await at.items.get(principal.org, namespace.split("."), key)


@router.delete("/items", status_code=204)
async def delete(principal: Runner, at: TheContext, item: Delete) -> None:
    """Remove one."""
    ensure_own(item.namespace)
    await at.items.delete(principal.org, item.namespace, item.key)


@router.post("/items/search")
async def search(principal: Reader, at: TheContext, asked: ItemSearch) -> dict[str, Any]:
    """One page of what is below a namespace; with a ``query`` in words, what says most about them first."""
    page: dict[str, Any] = {"having": asked.filter or {}, "limit": asked.limit, "offset": asked.offset}
    if asked.query and asked.query.strip():
        found = await at.items.about(principal.org, asked.namespace_prefix, asked.query, **page)
    else:
        found = await at.items.search(principal.org, asked.namespace_prefix, **page)
    return {"items": found}


@router.post("/namespaces")
async def namespaces(principal: Reader, at: TheContext, asked: Namespaces) -> dict[str, Any]:
    """The namespaces below one."""
    return {
        "namespaces": await at.items.namespaces(
            principal.org,
            asked.prefix or [],
            suffix=asked.suffix or [],
            max_depth=asked.max_depth,
            limit=asked.limit,
            offset=asked.offset,
        )
    }
