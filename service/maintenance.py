"""Maintenance: the loop that looks at what nobody comes back for, and the retention of what is not kept for ever.

Answered questions, questions without an answer, letters and crashes are looked at every second. Deleted threads with
all their files, old streams, sent letters and ended jobs are removed after the days of ``SIGNOFF_KEEP_DAYS``.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from langgraph.checkpoint.base import BaseCheckpointSaver
from sqlalchemy import and_, delete, exists, or_, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Ballots
from approvals.channels import WebhookSender
from approvals.storage import metadata
from database import reading, writing
from domain import SignoffError
from sandbox import Store
from service.auth.rate_limits import SharedRates
from service.runs.dispatcher import Dispatcher
from service.runs.event_log import EVENTS, TurnEvents
from service.runs.runs import RUNS
from service.runs.submission import RECOVERED, Submission
from service.runs.threads import MINE, THREADS
from service.runs.turns import OPEN, TURNS

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
            await conn.execute(delete(TURNS).where(TURNS.c.thread == thread))
            await conn.execute(delete(RUNS).where(RUNS.c.id == thread))
            await conn.execute(delete(THREADS).where(THREADS.c.id == thread))


EVERY_S = 1.0
EXPIRE_EVERY = 10
"""Rounds between two looks at what nobody answered, and what nobody works on."""
RETAIN_EVERY = 600
ROUND_S = 600.0
"""The longest a round may take."""
_LOCK = text("SELECT pg_try_advisory_xact_lock(5146300302)")

WITNESS_EVERY = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """Walks round the office once a second. Everything it finds is in the rows: no message can get lost."""

    engine: AsyncEngine
    ballots: Ballots
    submission: Submission
    sender: WebhookSender
    dispatch: Dispatcher
    witnessed: Callable[[], Awaitable[object]]
    """Takes checkpoints of the audit."""
    retention: Retention
    clock: Callable[[], datetime]

    async def take_up(self) -> None:
        """Go on with everything that was not finished when the last process ended."""
        await self.dispatch.start()
        await self._recover(of="serve")

    async def walk(self) -> None:
        """Until cancelled."""
        number = 0
        while True:
            try:
                async with self._alone() as mine:
                    if mine:
                        await self.once(expire=number % EXPIRE_EVERY == 0)
                    if mine and number % WITNESS_EVERY == 0:
                        await self.witnessed()
                    if mine and number % RETAIN_EVERY == RETAIN_EVERY - 1:
                        await self.retention.sweep()
            except SignoffError as error:  # a database that does not answer now will be asked again
                structlog.get_logger("signoff.rounds").warning("round failed", code=error.stable_code)
            except Exception:  # noqa: BLE001  the boundary: whatever broke, the next round is walked
                structlog.get_logger("signoff.rounds").exception("round broke")
            number += 1
            await asyncio.sleep(EVERY_S)

    async def once(self, *, expire: bool = True) -> None:
        """One round."""
        if expire:
            await self.ballots.expire()
            await self.dispatch.look()
            await self._recover()
        for run, org in await self._answered():
            await self.submission.wake(run, org, because="decided")
        await self.sender.round()

    async def _answered(self) -> list[tuple[str, str]]:
        """Runs that wait for a signature although no question of theirs is open: decided elsewhere, or expired."""
        ballots, now = metadata.tables["ballots"].c, self.clock()
        asking = exists().where(ballots.run == RUNS.c.id, ballots.state == "pending", ballots.expires_at > now)
        at_work = exists().where(TURNS.c.thread == RUNS.c.id, TURNS.c.status.in_(OPEN))
        query = select(RUNS.c.id, RUNS.c.org).where(RUNS.c.status == "interrupted", ~asking, ~at_work).limit(100)
        async with reading(self.engine) as conn:
            return [(row.id, row.org) for row in await conn.execute(query)]

    async def _recover(self, of: str = "") -> None:
        """Go on with runs that somebody worked on when they died, and that no turn is left of."""
        dead = or_(RUNS.c.lease_until < self.clock(), RUNS.c.owner == of)
        at_work = exists().where(TURNS.c.thread == RUNS.c.id, TURNS.c.status.in_(OPEN))
        query = select(RUNS.c.id, RUNS.c.org).where(and_(RUNS.c.status == "running", dead), ~at_work).limit(100)
        async with reading(self.engine) as conn:
            found = [(row.id, row.org) for row in await conn.execute(query)]
        for run, org in found:
            await self.submission.wake(run, org, because=RECOVERED)

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[bool]:
        """Of all processes on a server one walks at a time; when it dies, another one does."""
        if self.engine.dialect.name != "postgresql":
            yield True
            return
        async with reading(self.engine, within_s=ROUND_S) as conn:
            yield bool((await conn.execute(_LOCK)).scalar())
