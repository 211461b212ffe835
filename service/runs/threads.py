"""Rows of threads: a conversation with clients about one run of ours. A thread and its run share an id.

Ids are one space for all organisations, and clients may choose theirs. So this is where it is decided whose an id
is: a run's organisation owns the thread of that id, whoever wrote a row for it, and for others it does not exist.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import (
    JSON,
    Column,
    RowMapping,
    String,
    Table,
    and_,
    bindparam,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from database import UtcDateTime, reading, write_one, writing
from domain import value
from service.errors import refuse
from service.runs.runs import RUNS
from service.tables import METADATA, holds

GRAPH = "coding"
"""Name of the graph that every thread is about."""
ThreadStatus = Literal["idle", "busy", "interrupted", "error"]
THREADS = Table(
    "threads",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("org", String(200), nullable=False, index=True),
    Column("status", String(20), nullable=False, index=True),
    Column("metadata", JSON, nullable=False),
    Column("config", JSON, nullable=False),
    Column("deleted_at", UtcDateTime, nullable=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
_T = THREADS.c
COLUMNS = tuple(column.key for column in THREADS.c if column.key != "deleted_at")
_CHOSEN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,63}")
_RUN = select(RUNS).where(RUNS.c.id == bindparam("thread"))
_ADOPT = insert(THREADS).returning(_T.id)
# One statement: between a look and an insert another organisation's run could take the id.
_CLAIM = (
    insert(THREADS)
    .from_select(
        COLUMNS,
        select(*(bindparam(name, type_=THREADS.c[name].type) for name in COLUMNS)).where(
            ~select(RUNS.c.id).where(RUNS.c.id == bindparam("id")).exists()
        ),
    )
    .returning(_T.id)
)
_GET = (
    select(THREADS, RUNS.c.org.label("run_org")).outerjoin(RUNS, RUNS.c.id == _T.id).where(_T.id == bindparam("thread"))
)
MINE = ~select(RUNS.c.id).where(RUNS.c.id == _T.id, RUNS.c.org != _T.org).exists()
"""SQL: the row of a thread was written by the organisation that owns the id."""
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
class ThreadQuery:
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

    async def add(self, thread: Thread, *, of_run: bool = False) -> bool:
        """Write a new row; False when the id is taken, by whichever organisation, for a thread or for a run.

        ``of_run``: this organisation's run has the id already. Raises ``request_invalid`` for an id that is none.
        """
        if not _CHOSEN.fullmatch(thread.id):
            raise refuse("request_invalid", "The id of a thread has up to 64 letters, digits, dots, dashes and _.")
        row = {name: getattr(thread, name) for name in COLUMNS}
        try:
            return bool((await write_one(self.engine, _ADOPT if of_run else _CLAIM, row)).rows)
        except IntegrityError:
            return False

    async def write(self, thread: Thread, conn: AsyncConnection) -> None:
        """Write the row of a thread whose id was drawn just now, in a transaction of somebody else."""
        await conn.execute(_ADOPT, {name: getattr(thread, name) for name in COLUMNS})

    async def get(self, thread: str, org: str) -> Thread:
        """The thread; one is made for a run that came in by the command line. Raises ``thread_not_found``."""
        named = {"thread": thread}
        async with reading(self.engine) as conn:
            row = (await conn.execute(_GET, named)).mappings().first()
            unknown = row is None or row["run_org"] not in {None, row["org"]}
            run = (await conn.execute(_RUN, named)).mappings().first() if unknown else None
        if run is not None and run["org"] == org:
            return await self._adopt(run, instead=row is not None)
        if row is None or unknown or row["org"] != org or row["deleted_at"] is not None:
            raise refuse("thread_not_found", f"Thread {thread[:64]!r} not found.")
        return _thread(row)

    async def _adopt(self, run: RowMapping, *, instead: bool) -> Thread:
        """The thread of a run; ``instead`` of a row that another organisation wrote before ids were looked after."""
        status = "interrupted" if run["status"] == "interrupted" else "idle"
        adopted = Thread(
            id=run["id"],
            org=run["org"],
            status=status,
            metadata={"graph_id": GRAPH},
            created_at=run["created_at"],
            updated_at=run["updated_at"],
        )
        # That row is nobody's: the id was taken by a run, which decides whose it is.
        if instead:
            row = {name: getattr(adopted, name) for name in COLUMNS}
            async with writing(self.engine) as conn:
                await conn.execute(update(THREADS).where(_T.id == adopted.id).values(**row, deleted_at=None))
        else:
            await self.add(adopted, of_run=True)
        return adopted

    async def search(self, asked: ThreadQuery) -> list[Thread]:
        """One page. Metadata matches when it holds every pair that is asked for."""
        column = SORTS.get(asked.sort_by, _T.created_at)
        order = (column.asc(), _T.id.asc()) if asked.ascending else (column.desc(), _T.id.desc())
        query = select(THREADS).where(self._where(asked)).order_by(*order).limit(asked.limit).offset(asked.offset)
        async with reading(self.engine) as conn:
            return [_thread(row) for row in (await conn.execute(query)).mappings()]

    async def count(self, asked: ThreadQuery) -> int:
        """How many there are in all."""
        async with reading(self.engine) as conn:
            return (
                await conn.execute(select(func.count()).select_from(THREADS).where(self._where(asked)))
            ).scalar_one()

    def _where(self, asked: ThreadQuery) -> Any:
        parts: list[Any] = [_T.org == asked.org, _T.deleted_at.is_(None), MINE]
        parts += [_T.id.in_(asked.ids)] if asked.ids else []
        parts += [_T.status == asked.status] if asked.status else []
        on = self.engine.dialect.name
        parts += [holds(_T.metadata, key, entry, dialect=on) for key, entry in asked.metadata.items()]
        return and_(*parts)

    async def update(self, thread: str, *, now: datetime, **values: Any) -> None:
        """Change columns of a row."""
        await write_one(self.engine, update(THREADS).where(_T.id == thread).values(updated_at=now, **values), {})

    async def bury(self, thread: str, *, now: datetime) -> None:
        """Delete softly: nobody sees it any more."""
        await self.update(thread, now=now, deleted_at=now)


def _thread(row: RowMapping) -> Thread:
    return Thread(**{name: row[name] for name in COLUMNS})


def picked(document: Mapping[str, Any], names: Sequence[str] | None, *, allowed: Collection[str]) -> dict[str, Any]:
    """Only the fields a client asked for; all when it named none. Raises ``request_invalid`` for unknown ones."""
    if unknown := sorted(set(names or ()) - set(allowed)):
        raise refuse("request_invalid", f"There is no field {unknown[0][:60]!r} to select.")
    return {key: document[key] for key in names if key in document} if names else dict(document)
