"""Assistants that clients make: a repository with its settings, by name, in versions, apart for each organisation.

An update is a new version; the one that counts is the last one made or the one that was set. What a version said
stays as it was.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    JSON,
    Column,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    and_,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from database import UtcDateTime, reading, writing
from service.errors import refuse
from service.runs.requests import ASSISTANTS, Assistant, assistant, fixed_assistant
from service.runs.threads import GRAPH
from service.tables import METADATA, holds

VERSIONS = Table(
    "assistant_versions",
    METADATA,
    Column("assistant", String(64), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("org", String(200), nullable=False, index=True),
    Column("name", String(300), nullable=False),
    Column("description", Text, nullable=True),
    Column("config", JSON, nullable=False),
    Column("context", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
)
STORED = Table(
    "assistants",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("org", String(200), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
_A, _V = STORED.c, VERSIONS.c
SAID = ("name", "description", "config", "context", "metadata")
"""What a version says."""
_JOINED = and_(_V.assistant == _A.id, _V.version == _A.version)
_ROW = select(STORED, *(_V[name] for name in SAID))
SORTS = {
    "assistant_id": _A.id,
    "name": _V.name,
    "created_at": _A.created_at,
    "updated_at": _A.updated_at,
    "graph_id": _A.created_at,
}
SortBy = Literal["assistant_id", "graph_id", "name", "created_at", "updated_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AssistantQuery:
    """Which assistants a search is for."""

    org: str
    graph_id: str | None = None
    name: str | None = None
    metadata: Mapping[str, Any]
    sort_by: SortBy = "created_at"
    ascending: bool = False
    limit: int = 10
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assistants:
    """Assistants in any database SQLAlchemy speaks to, behind those that are fixed."""

    engine: AsyncEngine
    clock: Callable[[], datetime]

    async def get(self, named: str, org: str) -> Assistant:
        """The fixed assistant of this id or name, or the organisation's of this id. Raises ``assistant_not_found``."""
        if (fixed := fixed_assistant(named)) is not None:
            return fixed
        async with reading(self.engine) as conn:
            row = (await conn.execute(_ROW.where(_JOINED, _A.id == named, _A.org == org))).mappings().first()
        return _assistant(row) if row is not None else assistant(named)

    async def add(self, made: Assistant, org: str) -> bool:
        """Write a new one; False when the id is taken, by whichever organisation."""
        times = {"created_at": made.created_at, "updated_at": made.updated_at}
        if any(made.id in {each.id, each.name} for each in ASSISTANTS):
            return False
        try:
            async with writing(self.engine) as conn:
                await conn.execute(insert(STORED).values(id=made.id, org=org, version=1, **times))
                await self._keep(conn, made, org)
        except IntegrityError:
            return False
        return True

    async def update(self, named: str, org: str, changes: Mapping[str, Any]) -> Assistant:
        """Make a new version. Raises ``assistant_not_found``, ``assistant_fixed``."""
        known = await self._own(named, org)
        async with writing(self.engine) as conn:
            await self._lock(conn, known.id)
            latest = (await conn.execute(select(func.max(_V.version)).where(_V.assistant == known.id))).scalar_one()
            current = (await conn.execute(_ROW.where(_JOINED, _A.id == known.id))).mappings().one()
            said = {**changes, "metadata": {**current["metadata"], **changes.get("metadata", {})}}
            changed = replace(_assistant(current), **said, version=latest + 1, updated_at=self.clock())
            await self._keep(conn, changed, org)
            await self._point(conn, changed)
        return changed

    async def set_latest(self, named: str, org: str, version: int) -> Assistant:
        """Make this version the one that counts. Raises ``assistant_not_found``, also for it."""
        known = await self._own(named, org)
        async with writing(self.engine) as conn:
            await self._lock(conn, known.id)
            mine = and_(_V.assistant == known.id, _V.version == version)
            row = (await conn.execute(select(VERSIONS).where(mine))).mappings().first()
            if row is None:
                raise refuse("assistant_not_found", f"This assistant has no version {version}.")
            changed = replace(known, **{name: row[name] for name in SAID}, version=version, updated_at=self.clock())
            await self._point(conn, changed)
        return changed

    async def versions(
        self, named: str, org: str, *, metadata: Mapping[str, Any], limit: int, offset: int
    ) -> list[Assistant]:
        """Newest first; of a fixed one there is one. Raises ``assistant_not_found``."""
        known = await self.get(named, org)
        if known in ASSISTANTS:
            fits = metadata.items() <= known.metadata.items()
            return [known][offset : offset + limit] if fits else []
        on = self.engine.dialect.name
        where = [_V.assistant == known.id, *(holds(_V.metadata, k, v, dialect=on) for k, v in metadata.items())]
        query = select(VERSIONS).where(*where).order_by(_V.version.desc()).limit(limit).offset(offset)
        async with reading(self.engine) as conn:
            rows = (await conn.execute(query)).mappings().all()
        return [
            replace(known, **{name: row[name] for name in (*SAID, "version")}, updated_at=row["created_at"])
            for row in rows
        ]

    async def delete(self, named: str, org: str) -> Assistant:
        """Remove it; what it worked on stays. Raises ``assistant_not_found``, ``assistant_fixed``."""
        known = await self._own(named, org)
        async with writing(self.engine) as conn:
            await conn.execute(delete(VERSIONS).where(_V.assistant == known.id))
            await conn.execute(delete(STORED).where(_A.id == known.id))
        return known

    async def search(self, asked: AssistantQuery) -> list[Assistant]:
        """One page of the fixed ones and the organisation's."""
        column = SORTS[asked.sort_by]
        order = (column.asc(), _A.id.asc()) if asked.ascending else (column.desc(), _A.id.desc())
        query = _ROW.where(*self._where(asked)).order_by(*order).limit(asked.limit + asked.offset)
        async with reading(self.engine) as conn:
            stored = [_assistant(row) for row in (await conn.execute(query)).mappings()]
        everything = [*stored, *_fixed(asked)]
        everything.sort(key=lambda each: str(each.document[asked.sort_by]), reverse=not asked.ascending)
        return everything[asked.offset : asked.offset + asked.limit]

    async def count(self, asked: AssistantQuery) -> int:
        """How many there are in all."""
        query = select(func.count()).select_from(STORED).join(VERSIONS, _JOINED).where(*self._where(asked))
        async with reading(self.engine) as conn:
            return (await conn.execute(query)).scalar_one() + len(_fixed(asked))

    def _where(self, asked: AssistantQuery) -> Sequence[Any]:
        parts: list[Any] = [_A.org == asked.org, _JOINED]
        parts += [_A.id != _A.id] if asked.graph_id not in {None, GRAPH} else []
        parts += [_V.name.icontains(asked.name, autoescape=True)] if asked.name else []
        on = self.engine.dialect.name
        return [*parts, *(holds(_V.metadata, key, entry, dialect=on) for key, entry in asked.metadata.items())]

    async def _own(self, named: str, org: str) -> Assistant:
        known = await self.get(named, org)
        if known in ASSISTANTS:
            raise refuse("assistant_fixed", f"The assistant {known.name!r} is the server's own.")
        return known

    async def _lock(self, conn: AsyncConnection, named: str) -> None:
        await conn.execute(select(_A.id).where(_A.id == named).with_for_update())

    async def _keep(self, conn: AsyncConnection, made: Assistant, org: str) -> None:
        row = {name: getattr(made, name) for name in SAID}
        about = {"assistant": made.id, "version": made.version, "org": org, "created_at": made.updated_at}
        await conn.execute(insert(VERSIONS).values(**row, **about))

    async def _point(self, conn: AsyncConnection, made: Assistant) -> None:
        change = update(STORED).where(_A.id == made.id)
        await conn.execute(change.values(version=made.version, updated_at=made.updated_at))


def _fixed(asked: AssistantQuery) -> list[Assistant]:
    return [
        each
        for each in ASSISTANTS
        if asked.graph_id in {None, each.graph}
        and (asked.name or "").lower() in each.name
        and all(each.metadata.get(key) == part for key, part in asked.metadata.items())
    ]


def _assistant(row: RowMapping) -> Assistant:
    fields: dict[str, Any] = {name: row[name] for name in ("id", "version", "created_at", "updated_at", *SAID)}
    return Assistant(**fields)
