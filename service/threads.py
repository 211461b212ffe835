"""Rows of threads: a conversation with clients about one run of ours. A thread and its run share an id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import JSON, Column, DateTime, RowMapping, String, Table, and_, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import reading, writing
from domain import value
from service.refusals import refuse
from service.runs import METADATA, RUNS

ThreadStatus = Literal["idle", "busy", "interrupted", "error"]
THREADS = Table(
    "threads",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("org", String(200), nullable=False, index=True),
    Column("status", String(20), nullable=False, index=True),
    Column("metadata", JSON, nullable=False),
    Column("config", JSON, nullable=False),
    Column("deleted_at", DateTime(timezone=True), nullable=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)
_T = THREADS.c
_ADD = insert(THREADS)
_GET = select(THREADS).where(_T.id == bindparam("thread"))
_RUN = select(RUNS).where(RUNS.c.id == bindparam("thread"))
COLUMNS = tuple(column.key for column in THREADS.c if column.key != "deleted_at")
SORTS = {"thread_id": _T.id, "status": _T.status, "created_at": _T.created_at, "updated_at": _T.updated_at}


@value
class Thread:
    """One row."""

    id: str
    org: str
    status: ThreadStatus = "idle"
    metadata: dict[str, Any] = Field(default_factory=dict)
    config: dict[str, Any] = Field(default_factory=dict)
    created_at: datetime
    updated_at: datetime


@value
class Wanted:
    """Which threads a search is for."""

    org: str
    metadata: dict[str, Any] = Field(default_factory=dict)
    ids: tuple[str, ...] = ()
    status: ThreadStatus | None = None
    limit: int = 10
    offset: int = 0
    sort_by: str = "created_at"
    ascending: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Threads:
    """Threads in any database SQLAlchemy speaks to. Another organisation's thread does not exist."""

    engine: AsyncEngine

    async def add(self, thread: Thread) -> bool:
        """Write a new row; False when the id is taken, by whomever."""
        row = {name: getattr(thread, name) for name in COLUMNS}
        try:
            async with writing(self.engine) as conn:
                await conn.execute(_ADD, row)
        except IntegrityError:
            return False
        return True

    async def get(self, thread: str, org: str) -> Thread:
        """The thread; one is made for a run that came in by the command line. Raises ``thread_not_found``."""
        async with reading(self.engine) as conn:
            found = (await conn.execute(_GET, {"thread": thread})).mappings().first()
            run = found or (await conn.execute(_RUN, {"thread": thread})).mappings().first()
        if found is None and run is not None and run["org"] == org:
            status = "interrupted" if run["status"] == "interrupted" else "idle"
            adopted = Thread(id=thread, org=org, status=status, created_at=_utc(run["created_at"]),
                             updated_at=_utc(run["updated_at"]))  # fmt: skip
            await self.add(adopted)
            return adopted
        if found is None or found["org"] != org or found["deleted_at"] is not None:
            raise refuse("thread_not_found", f"There is no thread {thread[:64]!r}.")
        return _thread(found)

    async def search(self, wanted: Wanted) -> list[Thread]:
        """One page. Metadata matches when it holds every pair that is asked for."""
        column = SORTS.get(wanted.sort_by, _T.created_at)
        order = (column.asc(), _T.id.asc()) if wanted.ascending else (column.desc(), _T.id.desc())
        query = select(THREADS).where(_where(wanted)).order_by(*order).limit(wanted.limit).offset(wanted.offset)
        async with reading(self.engine) as conn:
            return [_thread(row) for row in (await conn.execute(query)).mappings()]

    async def count(self, wanted: Wanted) -> int:
        """How many there are in all."""
        async with reading(self.engine) as conn:
            return (await conn.execute(select(func.count()).select_from(THREADS).where(_where(wanted)))).scalar_one()

    async def update(self, thread: str, *, now: datetime, **values: Any) -> None:
        """Change columns of a row."""
        async with writing(self.engine) as conn:
            await conn.execute(update(THREADS).where(_T.id == thread).values(updated_at=now, **values))

    async def bury(self, thread: str, *, now: datetime) -> None:
        """Delete softly: nobody sees it any more."""
        await self.update(thread, now=now, deleted_at=now)


def _where(wanted: Wanted) -> Any:
    parts: list[Any] = [_T.org == wanted.org, _T.deleted_at.is_(None)]
    parts += [_T.id.in_(wanted.ids)] if wanted.ids else []
    parts += [_T.status == wanted.status] if wanted.status else []
    parts += [holds(_T.metadata, key, asked) for key, asked in wanted.metadata.items()]
    return and_(*parts)


def holds(column: Any, key: str, asked: Any) -> Any:
    """SQL: the JSON object in ``column`` has this pair, on SQLite and PostgreSQL alike."""
    at = column[key]
    match asked:
        case bool():
            return at.as_boolean() == asked
        case int():
            return at.as_integer() == asked
        case float():
            return at.as_float() == asked
        case str():
            return at.as_string() == asked
        case _:
            raise refuse("request_invalid", "Metadata is searched by text, numbers and booleans.")


def _thread(row: RowMapping) -> Thread:
    fields: dict[str, Any] = {name: row[name] for name in COLUMNS}
    fields["created_at"], fields["updated_at"] = _utc(row["created_at"]), _utc(row["updated_at"])
    return Thread(**fields)


def _utc(at: datetime) -> datetime:
    # SQLite forgets the zone; everything here is written in UTC.
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def picked(document: Mapping[str, Any], select_: Sequence[str] | None) -> dict[str, Any]:
    """Only the fields a client asked for; all when it named none."""
    return {key: document[key] for key in select_ if key in document} if select_ else dict(document)
