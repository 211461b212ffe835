"""The rows of runs: what was asked, who works on it now, how it stands.

A row carries a lease ``(owner, generation, until)``. Whoever lost it can no longer write: every
update names the generation it was given.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from approvals import reading, writing
from domain import Ending, Refused, Task
from service.run_rows import FINAL, METADATA, RUNS, Run, Status, ending_json, run_of, task_json
from service.signals import tell


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
            "task": task_json(run.task), "forked_from": run.forked_from, "segment": 0,
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
        return run_of(exact[0])

    async def list(self, *, org: str, limit: int = 50, status: Status | None = None) -> list[Run]:
        """Return the newest runs first."""
        query = select(RUNS).where(RUNS.c.org == org).order_by(RUNS.c.created_at.desc()).limit(limit)
        query = query.where(RUNS.c.status == status) if status else query
        async with reading(self.engine) as connection:
            return [run_of(row) for row in (await connection.execute(query)).mappings()]

    async def claim(
        self, run: str, owner: str, *, now: datetime, lease_for: timedelta, instead_of: str | None = None,
        turn: str | None = None,
    ) -> int:  # fmt: skip
        """Take the lease, also from ``instead_of``, who is known to be dead; return its generation.

        With a ``turn``: only while that has not been stopped. Who stops one locks the run's row, too.

        Raises:
            Refused: ``run_busy`` while somebody else holds it; ``lease_lost`` when the turn was stopped.
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
            await connection.execute(select(RUNS.c.id).where(RUNS.c.id == run).with_for_update())
            if turn is not None and not await _stands(connection, turn):
                raise Refused(f"Run {run} was stopped before it began.", code="lease_lost",
                              hint="See how it stands: signoff show RUN")  # fmt: skip
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
        kept = ending_json(ending)
        return await self._write(
            run, generation, {"status": status, "ending": kept, "owner": None, "lease_until": None, "updated_at": now}
        )

    async def cancel(self, run: str, *, now: datetime) -> None:
        """End a run from outside; its generation moves on, so whoever works on it can write no more."""
        await self._take_away(run, {"status": "cancelled", "updated_at": now})

    async def park(self, run: str, *, now: datetime, ending: Ending | None = None) -> None:
        """Take a run away from whoever does not answer any more; a resume goes on with it."""
        kept = {"ending": ending_json(ending)} if ending else {}
        await self._take_away(run, {"status": "paused", "updated_at": now, **kept})

    async def _take_away(self, run: str, values: Mapping[str, Any]) -> None:
        change = update(RUNS).where(RUNS.c.id == run, RUNS.c.status.not_in(FINAL))
        async with writing(self.engine) as connection:
            await connection.execute(
                change.values(generation=RUNS.c.generation + 1, owner=None, lease_until=None, **values)
            )

    async def retask(self, run: str, task: Task) -> None:
        """Replace the task: a raised budget."""
        async with writing(self.engine) as connection:
            await connection.execute(update(RUNS).where(RUNS.c.id == run).values(task=task_json(task)))

    async def _write(self, run: str, generation: int, values: Mapping[str, Any]) -> bool:
        mine = and_(RUNS.c.id == run, RUNS.c.generation == generation)
        async with writing(self.engine) as connection:
            kept = (await connection.execute(update(RUNS).where(mine).values(**values))).rowcount == 1
            if kept and values.get("owner", run) is None:
                await tell(connection, f"run:{run}")
        return kept


async def _stands(connection: AsyncConnection, turn: str) -> bool:
    """Whether a turn may begin: nobody stopped it."""
    turns = METADATA.tables["turns"].c
    query = select(turns.id).where(turns.id == turn, turns.status.in_(("pending", "running")))
    return (await connection.execute(query)).first() is not None


__all__ = ["FINAL", "METADATA", "RUNS", "Run", "Runs", "Status"]
