"""Items of LangGraph's store API: small JSON documents by namespace and key, apart for each organisation.

Namespaces under ``signoff_memory`` are what runs remember (``memory/``): clients read it there, and change it by
``/v1/memory`` only, which knows who may.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Column, RowMapping, String, Table, and_, delete, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from database import UtcDateTime, reading, writing
from memory import NAMESPACE
from retrieval import text_scores
from service.errors import refuse
from service.tables import METADATA, fits

MOST_RANKED = 2_000
"""Items that a search in words looks at."""
# Stands in no word of a namespace: those are printable.
SEP = "\x1f"
ITEMS = Table(
    "items",
    METADATA,
    Column("org", String(200), primary_key=True),
    Column("namespace", String(500), primary_key=True),
    Column("key", String(300), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # Whose run a memory was learnt from last: it goes when that thread is erased.
    Column("run", String(64), nullable=True, index=True),
)
_I = ITEMS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """Put, get, search, delete."""

    engine: AsyncEngine
    clock: Callable[[], datetime]

    async def put(self, org: str, namespace: Sequence[str], key: str, document: dict[str, Any]) -> None:
        """Write an item, or write it again."""
        here, now = _here(org, namespace, key), self.clock()
        run = str(document.get("run") or "")[:64] or None if namespace[0] == NAMESPACE else None
        async with writing(self.engine) as conn:
            if (await conn.execute(update(ITEMS).where(here).values(value=document, run=run, updated_at=now))).rowcount:
                return
        row = {"org": org, "namespace": joined(namespace), "key": key, "value": document, "run": run}
        try:
            async with writing(self.engine) as conn:
                await conn.execute(insert(ITEMS).values(**row, created_at=now, updated_at=now))
        except IntegrityError:  # another request wrote the same key first; the last one counts
            await self.put(org, namespace, key, document)

    async def get(self, org: str, namespace: Sequence[str], key: str) -> dict[str, Any] | None:
        """The item, if there is one."""
        async with reading(self.engine) as conn:
            row = (await conn.execute(select(ITEMS).where(_here(org, namespace, key)))).mappings().first()
        return _item(row) if row is not None else None

    async def delete(self, org: str, namespace: Sequence[str], key: str) -> None:
        """Remove it; removing nothing is fine."""
        async with writing(self.engine) as conn:
            await conn.execute(delete(ITEMS).where(_here(org, namespace, key)))

    async def search(
        self, org: str, prefix: Sequence[str], *, having: dict[str, Any], limit: int, offset: int
    ) -> list[dict[str, Any]]:
        """Items below a namespace, in the order of their names.

        ``having``: what their values hold, each a value or conditions such as ``{"$gte": 3, "$lt": 9}``.
        """
        on = self.engine.dialect.name
        where = [_I.org == org, *_below(prefix), *(fits(_I.value, k, v, dialect=on) for k, v in having.items())]
        query = select(ITEMS).where(and_(*where)).order_by(_I.namespace, _I.key).limit(limit).offset(offset)
        async with reading(self.engine) as conn:
            return [_item(row) for row in (await conn.execute(query)).mappings()]

    async def about(
        self, org: str, prefix: Sequence[str], query: str, *, having: dict[str, Any], limit: int, offset: int
    ) -> list[dict[str, Any]]:
        """Items below a namespace that say something about a query in words, best first, each with its score.

        Of the ``MOST_RANKED`` that were written last.
        """
        on = self.engine.dialect.name
        where = [_I.org == org, *_below(prefix), *(fits(_I.value, k, v, dialect=on) for k, v in having.items())]
        newest = select(ITEMS).where(and_(*where)).order_by(_I.updated_at.desc(), _I.key).limit(MOST_RANKED)
        async with reading(self.engine) as conn:
            found = [_item(row) for row in (await conn.execute(newest)).mappings()]
        texts = [f"{item['key']} {' '.join(_words(item['value']))}" for item in found]
        scores = await asyncio.to_thread(text_scores, query, texts)
        ranked = sorted(((score, item) for score, item in zip(scores, found, strict=True) if score > 0), key=_score)
        return [{**item, "score": score} for score, item in ranked[offset : offset + limit]]

    async def namespaces(
        self,
        org: str,
        prefix: Sequence[str],
        *,
        suffix: Sequence[str] = (),
        max_depth: int | None = None,
        limit: int,
        offset: int,
    ) -> list[list[str]]:
        """The namespaces below one that end with ``suffix``; deeper ones are cut off at ``max_depth`` words."""
        query = select(_I.namespace).where(_I.org == org, *_below(prefix)).distinct().order_by(_I.namespace)
        async with reading(self.engine) as conn:
            rows = (await conn.execute(query)).scalars().all()
        words = [tuple(str(row).split(SEP)) for row in rows]
        fitting = [each for each in words if not suffix or each[-len(suffix) :] == tuple(suffix)]
        shown = list(dict.fromkeys(each[:max_depth] for each in fitting))
        return [list(each) for each in shown[offset : offset + limit]]


def _score(ranked: tuple[float, dict[str, Any]]) -> float:
    return -ranked[0]


def _words(document: Any) -> Iterator[str]:
    """The texts in a JSON document, with the names they stand under."""
    waiting = [document]
    while waiting:
        match waiting.pop(0):
            case str() as text:
                yield text
            case dict() as named:
                yield from named
                waiting += named.values()
            case list() as many:
                waiting += many
            case _:
                pass


def joined(namespace: Sequence[str]) -> str:
    """A namespace as it is stored. Raises ``request_invalid`` for an empty or an odd one."""
    if not namespace or any(not part or "." in part or not part.isprintable() for part in namespace):
        raise refuse("request_invalid", "A namespace is a list of words without dots.")
    text = SEP.join(namespace)
    if len(text) > 500:  # noqa: PLR2004
        raise refuse("request_invalid", "A namespace has at most 500 characters.")
    return text


def _below(prefix: Sequence[str]) -> list[Any]:
    if not prefix:
        return []
    text = joined(prefix)
    return [or_(_I.namespace == text, _I.namespace.startswith(text + SEP, autoescape=True))]


def _here(org: str, namespace: Sequence[str], key: str) -> Any:
    return and_(_I.org == org, _I.namespace == joined(namespace), _I.key == key)


def _item(row: RowMapping) -> dict[str, Any]:
    times = {name: row[name].isoformat() for name in ("created_at", "updated_at")}
    return {"namespace": str(row["namespace"]).split(SEP), "key": row["key"], "value": row["value"], **times}
