"""LangGraph store of one organisation: ``BaseStore`` over the items that its store API serves, SQLite or PostgreSQL."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from langgraph.store.base import BaseStore, GetOp, Item, ListNamespacesOp, Op, PutOp, Result, SearchItem, SearchOp

from service.storage.items import Items


@dataclass(frozen=True, slots=True, eq=False)
class OrganisationStore(BaseStore):
    """Asynchronous only. It has no way to name another organisation."""

    items: Items
    org: str

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        raise NotImplementedError("Use the asynchronous verbs: aget, aput, asearch, adelete, alist_namespaces.")

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Do the operations one after the other. What this store lacks (an index, an end in time) is ignored."""
        return [await self._done(op) for op in ops]

    async def _done(self, op: Op) -> Result:
        match op:
            case GetOp(namespace=namespace, key=key):
                document = await self.items.get(self.org, namespace, key)
                return None if document is None else Item(**_fields(document))
            case PutOp(namespace=namespace, key=key, value=None):
                return await self.items.delete(self.org, namespace, key)
            case PutOp(namespace=namespace, key=key, value=value):
                return await self.items.put(self.org, namespace, key, dict(value or {}))
            case SearchOp():
                page: dict[str, Any] = {"having": op.filter or {}, "limit": op.limit, "offset": op.offset}
                if op.query:
                    found = await self.items.about(self.org, op.namespace_prefix, op.query, **page)
                else:
                    found = await self.items.search(self.org, op.namespace_prefix, **page)
                return [SearchItem(**_fields(document), score=document.get("score")) for document in found]
            case ListNamespacesOp():
                by = {each.match_type: each.path for each in op.match_conditions or ()}
                spaces = await self.items.namespaces(
                    self.org,
                    by.get("prefix", ()),
                    suffix=by.get("suffix", ()),
                    max_depth=op.max_depth,
                    limit=op.limit,
                    offset=op.offset,
                )
                return [tuple(space) for space in spaces]


def _fields(document: dict[str, Any]) -> dict[str, Any]:
    return {
        "namespace": tuple(document["namespace"]),
        "key": document["key"],
        "value": document["value"],
        "created_at": datetime.fromisoformat(document["created_at"]),
        "updated_at": datetime.fromisoformat(document["updated_at"]),
    }
