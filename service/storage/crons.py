"""Crons: runs that are started by a schedule, on a thread or on a new one each time.

A tick is due once, whoever notices it: the run that it starts has the tick as its idempotency key. Ticks that were
missed while no server ran are made up for by one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    RowMapping,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from database import UtcDateTime, reading, writing
from domain import value
from service.errors import refuse
from service.tables import METADATA, holds

CRONS = Table(
    "crons",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("org", String(200), nullable=False, index=True),
    Column("assistant", String(64), nullable=False),
    Column("thread", String(64), nullable=True),
    Column("schedule", String(200), nullable=False),
    Column("timezone", String(100), nullable=True),
    Column("end_at", UtcDateTime, nullable=True),
    Column("enabled", Boolean, nullable=False),
    Column("asked", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("subject", String(200), nullable=False),
    Column("standing", String(200), nullable=False),
    Column("next_at", UtcDateTime, nullable=True, index=True),
    Column("error", Text, nullable=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)
COLUMNS = tuple(column.key for column in CRONS.c)
_C = CRONS.c
SORTS = {
    "cron_id": _C.id,
    "assistant_id": _C.assistant,
    "thread_id": _C.thread,
    "next_run_date": _C.next_at,
    "end_time": _C.end_at,
    "created_at": _C.created_at,
    "updated_at": _C.updated_at,
}
SortBy = Literal["cron_id", "assistant_id", "thread_id", "next_run_date", "end_time", "created_at", "updated_at"]
SHOWN = frozenset(
    {*SORTS, "schedule", "timezone", "enabled", "payload", "metadata", "user_id", "on_run_completed", "error"}
)
"""Fields of a cron's document."""
FIELDS = 5
"""Minute, hour, day, month, day of the week. There are no seconds."""


@value
class Cron:
    """One row."""

    id: str
    org: str
    assistant: str
    thread: str | None = None
    """None: each run gets a thread of its own."""
    schedule: str
    timezone: str | None = None
    end_at: datetime | None = None
    enabled: bool = True
    asked: dict[str, Any] = Field(default_factory=dict)
    """The body of the runs that it starts."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    subject: str
    """Who made it: the requester of its runs."""
    standing: str = ""
    next_at: datetime | None = None
    error: str | None = None
    """Why it was switched off."""
    created_at: datetime
    updated_at: datetime

    @property
    def document(self) -> dict[str, Any]:
        """As the SDK reads it."""
        return {
            "cron_id": self.id,
            "assistant_id": self.assistant,
            "thread_id": self.thread,
            "on_run_completed": None if self.thread else "keep",
            "schedule": self.schedule,
            "timezone": self.timezone,
            "end_time": self.end_at.isoformat() if self.end_at else None,
            "next_run_date": self.next_at.isoformat() if self.next_at else None,
            "enabled": self.enabled,
            "payload": self.asked,
            "metadata": self.metadata,
            "user_id": self.subject,
            "error": self.error,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }

    def planned(self, now: datetime) -> "Cron":
        """The same with its next tick behind ``now``. Raises ``request_invalid``, as ``next_tick``."""
        at = next_tick(self.schedule, self.timezone, now) if self.enabled else None
        over = at is None or (self.end_at is not None and at >= self.end_at)
        return replace(self, next_at=None if over else at, updated_at=now)


def next_tick(schedule: str, timezone: str | None, now: datetime) -> datetime | None:
    """The first moment behind ``now``, in UTC; None: there is none for years. Raises ``request_invalid``.

    An hour that clocks go through twice has the tick of a named hour once. One that they leave out has it at its end.
    """
    from croniter import CroniterError, croniter  # noqa: PLC0415  a run at a terminal has no schedule

    words = schedule.split()
    if not schedule.startswith("@") and len(words) != FIELDS:
        raise refuse("request_invalid", "A schedule has five fields: minute, hour, day, month, day of the week.")
    try:
        zone = ZoneInfo(timezone or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise refuse("request_invalid", f"There is no time zone {(timezone or '')[:60]!r}.") from None
    try:
        ticks = croniter(schedule, now.astimezone(zone), max_years_between_matches=8)
        at = ticks.get_next(datetime)
        if at.fold and len(words) == FIELDS and not {"*", "/"} & set(words[1]):
            at = ticks.get_next(datetime)
    except CroniterError as error:
        if "failed to find next date" in str(error):
            return None
        raise refuse("request_invalid", f"{schedule[:60]!r} is no schedule: {error}") from None
    except (ValueError, KeyError, TypeError, OverflowError):
        raise refuse("request_invalid", f"{schedule[:60]!r} is no schedule.") from None
    return at.astimezone(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class CronQuery:
    """Which crons a search is for."""

    org: str
    assistant: str | None = None
    thread: str | None = None
    enabled: bool | None = None
    metadata: Mapping[str, Any]
    sort_by: SortBy = "created_at"
    ascending: bool = False
    limit: int = 10
    offset: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crons:
    """Crons in any database SQLAlchemy speaks to. Another organisation's does not exist."""

    engine: AsyncEngine
    clock: Callable[[], datetime]

    async def add(self, cron: Cron) -> Cron:
        """Write a new one, with its next tick."""
        planned = cron.planned(self.clock())
        async with writing(self.engine) as conn:
            await conn.execute(insert(CRONS).values(**{name: getattr(planned, name) for name in COLUMNS}))
        return planned

    async def get(self, cron: str, org: str) -> Cron:
        """The cron. Raises ``cron_not_found``."""
        async with reading(self.engine) as conn:
            row = (await conn.execute(select(CRONS).where(_C.id == cron, _C.org == org))).mappings().first()
        if row is None:
            raise refuse("cron_not_found", f"There is no cron {cron[:64]!r}.")
        return _cron(row)

    async def update(self, cron: Cron) -> Cron:
        """Write changes, and plan its next tick anew."""
        planned = replace(cron, error=None).planned(self.clock())
        values = {name: getattr(planned, name) for name in COLUMNS}
        async with writing(self.engine) as conn:
            await conn.execute(update(CRONS).where(_C.id == cron.id, _C.org == cron.org).values(**values))
        return planned

    async def delete(self, cron: str, org: str) -> None:
        """Remove it; what it started goes on. Raises ``cron_not_found``."""
        async with writing(self.engine) as conn:
            if not (await conn.execute(delete(CRONS).where(_C.id == cron, _C.org == org))).rowcount:
                raise refuse("cron_not_found", f"There is no cron {cron[:64]!r}.")

    async def drop(self, org: str, *, assistant: str) -> None:
        """Remove those of an assistant."""
        async with writing(self.engine) as conn:
            await conn.execute(delete(CRONS).where(_C.org == org, _C.assistant == assistant))

    async def search(self, asked: CronQuery) -> list[Cron]:
        """One page."""
        column = SORTS[asked.sort_by]
        order = (column.asc(), _C.id.asc()) if asked.ascending else (column.desc(), _C.id.desc())
        query = select(CRONS).where(*self._where(asked)).order_by(*order).limit(asked.limit).offset(asked.offset)
        async with reading(self.engine) as conn:
            return [_cron(row) for row in (await conn.execute(query)).mappings()]

    async def count(self, asked: CronQuery) -> int:
        """How many there are in all."""
        async with reading(self.engine) as conn:
            return (await conn.execute(select(func.count()).select_from(CRONS).where(*self._where(asked)))).scalar_one()

    def _where(self, asked: CronQuery) -> Sequence[Any]:
        pairs = ((_C.assistant, asked.assistant), (_C.thread, asked.thread), (_C.enabled, asked.enabled))
        on = self.engine.dialect.name
        return [
            _C.org == asked.org,
            *(column == wanted for column, wanted in pairs if wanted is not None),
            *(holds(_C.metadata, key, entry, dialect=on) for key, entry in asked.metadata.items()),
        ]

    async def due(self, *, limit: int = 100) -> list[Cron]:
        """Those whose tick has come, of every organisation."""
        query = select(CRONS).where(_C.enabled, _C.next_at <= self.clock()).order_by(_C.next_at).limit(limit)
        async with reading(self.engine) as conn:
            return [_cron(row) for row in (await conn.execute(query)).mappings()]

    async def ticked(self, cron: Cron, *, error: str | None = None) -> None:
        """Plan the tick behind now, unless somebody has changed it meanwhile; with an error it is switched off."""
        planned = replace(cron, enabled=error is None, error=error).planned(self.clock())
        values = {"next_at": planned.next_at, "enabled": planned.enabled, "error": error}
        async with writing(self.engine) as conn:
            await conn.execute(update(CRONS).where(_C.id == cron.id, _C.next_at == cron.next_at).values(**values))


def _cron(row: RowMapping) -> Cron:
    return Cron(**{name: row[name] for name in COLUMNS})
