"""What is not kept for ever: deleted threads with all their files, old streams, sent letters, ended jobs."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from langgraph.checkpoint.base import BaseCheckpointSaver
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import reading, writing
from sandbox import Store
from service.callbacks import LETTERS
from service.rates import SharedRates
from service.runs import RUNS
from service.threads import MINE, THREADS
from service.turn_events import EVENTS, TurnEvents
from service.turns import TURNS

AT_ONCE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Removes what was deleted or ended long ago. Ballots and the audit are never touched."""

    engine: AsyncEngine
    checkpoints: BaseCheckpointSaver[str] | None
    files: Store
    keep: timedelta
    clock: Callable[[], datetime]

    async def sweep(self) -> int:
        """Remove what is due; how many threads that were."""
        before = self.clock() - self.keep
        await TurnEvents(engine=self.engine).drop(before)
        await SharedRates(engine=self.engine).drop()
        async with writing(self.engine) as conn:
            await conn.execute(delete(LETTERS).where(LETTERS.c.state == "sent", LETTERS.c.created_at < before))
        return await self._threads(before)

    async def _threads(self, before: datetime) -> int:
        due = select(THREADS.c.id).where(THREADS.c.deleted_at < before, MINE).limit(AT_ONCE)
        async with reading(self.engine) as conn:
            found = [str(row[0]) for row in await conn.execute(due)]
        for thread in found:
            await self._forget(thread)
        return len(found)

    async def _forget(self, thread: str) -> None:
        """Files first: a thread whose row is still there is tried again."""
        await self.files.drop(thread)
        if self.checkpoints is not None:
            await self.checkpoints.adelete_thread(thread)
        turns = select(TURNS.c.id).where(TURNS.c.thread == thread)
        async with writing(self.engine) as conn:
            await conn.execute(delete(EVENTS).where(EVENTS.c.turn.in_(turns)))
            await conn.execute(delete(LETTERS).where(LETTERS.c.turn.in_(turns)))
            await conn.execute(delete(TURNS).where(TURNS.c.thread == thread))
            await conn.execute(delete(RUNS).where(RUNS.c.id == thread))
            await conn.execute(delete(THREADS).where(THREADS.c.id == thread))
