"""Rebuilding of memories from the runs that are still here, and their end with threads and people."""

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, replace

from sqlalchemy import and_, exists, select
from sqlalchemy.ext.asyncio import AsyncEngine

from database import reading
from domain import Refused
from memory import EndedRun
from service.memory.ended_runs import EndedRuns
from service.runs.engine import RunEngine
from service.runs.runs import FINAL, RUNS
from service.runs.threads import THREADS
from telemetry.audit import Audit

Progress = Callable[[int, int], None]
"""Hears how many of how many runs were read."""
_DELETED = exists().where(THREADS.c.id == RUNS.c.id, THREADS.c.org == RUNS.c.org, THREADS.c.deleted_at.is_not(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryRebuild:
    """Makes an organisation's memories anew."""

    engine: RunEngine
    ended: EndedRuns
    audit: Audit

    @property
    def _database(self) -> AsyncEngine:
        return self.engine.runs.engine

    async def __call__(self, org: str, *, repo: str = "", progress: Progress | None = None) -> int:
        """Read every run that ended, and write what they show; returns how many memories there are.

        What people wrote or pinned stays as it is. Nothing is removed before all runs were read.
        """
        return await self.ended.book.rebuild(org, self._runs(org, progress), repo=repo)

    async def _runs(self, org: str, progress: Progress | None) -> AsyncGenerator[EndedRun]:
        query = select(RUNS.c.id).where(and_(RUNS.c.org == org, RUNS.c.status.in_(sorted(FINAL)), ~_DELETED))
        async with reading(self._database) as conn:
            ids = [str(row.id) for row in await conn.execute(query.order_by(RUNS.c.updated_at, RUNS.c.id))]
            people = set((await self.audit.subjects.names(conn, org)).values())
        engine = replace(self.engine, org=org)
        for number, id_ in enumerate(ids, 1):
            if progress is not None:
                progress(number, len(ids))
            try:
                ended = await self.ended.read(await engine.standing(id_))
            except Refused:  # its files, or the run itself, are gone meanwhile
                continue
            if ended is not None:
                # Runs outlive the erasure of a person; what is learnt of theirs must not bring the name back.
                yield ended if ended.person in people else replace(ended, person="")
