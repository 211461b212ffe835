"""The rows of runs: what was asked, who works on it now, how it stands.

A row carries a lease ``(owner, generation, until)``. Whoever lost it can no longer write: every
update names the generation it was given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from pydantic import TypeAdapter
from sqlalchemy import (
    Column,
    DateTime,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    and_,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import reading, writing
from domain import Ending, Refused, Task, value

Status = Literal["pending", "running", "interrupted", "paused", "delivered", "nothing_to_do", "rejected", "failed",
                 "cancelled"]  # fmt: skip
FINAL: frozenset[Status] = frozenset({"delivered", "nothing_to_do", "rejected", "failed", "cancelled"})

METADATA = MetaData()
RUNS = Table(
    "runs",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("org", String(200), nullable=False, index=True),
    Column("requester", String(200), nullable=False),
    Column("status", String(20), nullable=False, index=True),
    Column("task", Text, nullable=False),
    Column("ending", Text, nullable=True),
    Column("forked_from", String(64), nullable=True),
    Column("segment", Integer, nullable=False, default=0),
    Column("owner", String(200), nullable=True),
    Column("generation", Integer, nullable=False, default=0),
    Column("lease_until", DateTime(timezone=True), nullable=True),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
)

_TASK, _ENDING = TypeAdapter(Task), TypeAdapter(Ending)


@value
class Run:
    """One row."""

    id: str
    org: str
    requester: str
    status: Status
    task: Task
    ending: Ending | None = None
    forked_from: str | None = None
    segment: int = 0
    owner: str | None = None
    generation: int = 0
    lease_until: datetime | None = None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Rows of runs in any database SQLAlchemy speaks to."""

    engine: AsyncEngine

    async def create_all(self) -> None:
        """Make the table where there is none."""
        async with writing(self.engine) as connection:
            await connection.run_sync(METADATA.create_all)

    async def add(self, run: Run) -> None:
        """Write a new row."""
        row = {
            "id": run.id, "org": run.org, "requester": run.requester, "status": run.status,
            "task": _TASK.dump_json(run.task).decode(), "forked_from": run.forked_from, "segment": 0,
            "generation": 0, "created_at": run.created_at, "updated_at": run.updated_at,
        }  # fmt: skip
        async with writing(self.engine) as connection:
            await connection.execute(insert(RUNS).values(**row))

    async def get(self, run: str, *, org: str) -> Run:
        """Return the run whose id is, or starts with, ``run``.

        Raises:
            Refused: ``run_not_found`` or ``run_ambiguous``.
        """
        query = select(RUNS).where(RUNS.c.org == org, RUNS.c.id.startswith(run, autoescape=True)).limit(2)
        async with reading(self.engine) as connection:
            rows = (await connection.execute(query)).mappings().all()
        exact = [row for row in rows if row["id"] == run] or rows
        if not exact or not run:
            raise Refused(f"There is no run {run!r}.", code="run_not_found", hint="See them with: signoff list")
        if len(exact) > 1:
            raise Refused(f"Several runs start with {run!r}.", code="run_ambiguous", hint="Give more of the id.")
        return _run(exact[0])

    async def list(self, *, org: str, limit: int = 50, status: Status | None = None) -> list[Run]:
        """Return the newest runs first."""
        query = select(RUNS).where(RUNS.c.org == org).order_by(RUNS.c.created_at.desc()).limit(limit)
        query = query.where(RUNS.c.status == status) if status else query
        async with reading(self.engine) as connection:
            return [_run(row) for row in (await connection.execute(query)).mappings()]

    async def claim(
        self, run: str, owner: str, *, now: datetime, lease_for: timedelta, instead_of: str | None = None
    ) -> int:
        """Take the lease, also from ``instead_of``, who is known to be dead; return its generation.

        Raises:
            Refused: ``run_busy`` while somebody else holds it.
        """
        free = or_(RUNS.c.owner.is_(None), RUNS.c.owner.in_([owner, instead_of or owner]), RUNS.c.lease_until < now)
        change = (
            update(RUNS)
            .where(RUNS.c.id == run, free)
            .values(owner=owner, generation=RUNS.c.generation + 1, lease_until=now + lease_for, status="running",
                    segment=RUNS.c.segment + 1, updated_at=now)
            .returning(RUNS.c.generation)
        )  # fmt: skip
        async with writing(self.engine) as connection:
            generation = (await connection.execute(change)).scalar_one_or_none()
        if generation is None:
            raise Refused(f"Run {run} is being worked on by somebody else.", code="run_busy",
                          hint="Wait for it to pause or end; after a crash its lease runs out by itself.")  # fmt: skip
        return generation

    async def renew(self, run: str, generation: int, *, now: datetime, lease_for: timedelta) -> bool:
        """Keep the lease; False when it was lost."""
        return await self._write(run, generation, {"lease_until": now + lease_for, "updated_at": now})

    async def settle(
        self, run: str, generation: int, status: Status, *, now: datetime, ending: Ending | None = None
    ) -> bool:
        """Write how the run stands and give the lease back; False when it was lost before."""
        kept = _ENDING.dump_json(ending).decode() if ending else None
        return await self._write(
            run, generation, {"status": status, "ending": kept, "owner": None, "lease_until": None, "updated_at": now}
        )

    async def cancel(self, run: str, *, now: datetime) -> None:
        """End a run from outside; its generation moves on, so whoever works on it can write no more."""
        change = update(RUNS).where(RUNS.c.id == run, RUNS.c.status.not_in(FINAL))
        async with writing(self.engine) as connection:
            await connection.execute(
                change.values(status="cancelled", generation=RUNS.c.generation + 1, owner=None, updated_at=now)
            )

    async def retask(self, run: str, task: Task) -> None:
        """Replace the task: a raised budget."""
        async with writing(self.engine) as connection:
            await connection.execute(update(RUNS).where(RUNS.c.id == run).values(task=_TASK.dump_json(task).decode()))

    async def _write(self, run: str, generation: int, values: Mapping[str, Any]) -> bool:
        mine = and_(RUNS.c.id == run, RUNS.c.generation == generation)
        async with writing(self.engine) as connection:
            return (await connection.execute(update(RUNS).where(mine).values(**values))).rowcount == 1


def _run(row: RowMapping) -> Run:
    fields: dict[str, Any] = {str(key): kept for key, kept in row.items()}
    for name in ("lease_until", "created_at", "updated_at"):
        # SQLite forgets the zone; everything here is written in UTC.
        if fields[name] is not None and fields[name].tzinfo is None:
            fields[name] = fields[name].replace(tzinfo=UTC)
    fields["task"] = _TASK.validate_json(fields["task"])
    fields["ending"] = _ENDING.validate_json(fields["ending"]) if fields["ending"] else None
    return Run(**fields)
