"""What has to be looked at from time to time: answered questions, questions nobody answered, letters, crashes."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import and_, exists, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Ballots, Courier, metadata, reading
from domain import SignoffError
from service.callbacks import RunLetters
from service.dispatch import Dispatcher
from service.reception import Reception
from service.runs import RUNS
from service.turns import OPEN, TURNS, Turns

EVERY_S = 1.0
EXPIRE_EVERY = 10
"""Rounds between two looks at what nobody answered."""

WITNESS_EVERY = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """Walks round the office once a second. Everything it finds is in the rows: no message can get lost."""

    engine: AsyncEngine
    turns: Turns
    ballots: Ballots
    reception: Reception
    letters: RunLetters
    courier: Courier
    dispatcher: Dispatcher
    witnessed: Callable[[], Awaitable[object]]
    """Takes checkpoints of the audit."""
    clock: Callable[[], datetime]

    async def take_up(self) -> None:
        """Go on with everything that was not finished when the last process ended."""
        unfinished = await self.turns.unfinished()
        for turn in unfinished:
            self.dispatcher.submit(turn)
        known = {turn.thread for turn in unfinished}
        for run, org in await self._orphans():
            if run not in known:
                await self.reception.wake(run, org, because="recovered")

    async def walk(self) -> None:
        """Until cancelled."""
        number = 0
        while True:
            try:
                await self.once(expire=number % EXPIRE_EVERY == 0)
                if number % WITNESS_EVERY == 0:
                    await self.witnessed()
            except SignoffError as error:  # a database that does not answer now will be asked again
                structlog.get_logger("signoff.rounds").warning("round failed", code=error.stable_code)
            number += 1
            await asyncio.sleep(EVERY_S)

    async def once(self, *, expire: bool = True) -> None:
        """One round."""
        if expire:
            await self.ballots.expire()
        for run, org in await self._answered():
            await self.reception.wake(run, org, because="decided")
        await self.letters.round()
        await self.courier.round()

    async def _answered(self) -> list[tuple[str, str]]:
        """Runs that wait for a signature although no question of theirs is open: decided elsewhere, or expired."""
        ballots, now = metadata.tables["ballots"].c, self.clock()
        asking = exists().where(ballots.run == RUNS.c.id, ballots.state == "pending", ballots.expires_at > now)
        at_work = exists().where(TURNS.c.thread == RUNS.c.id, TURNS.c.status.in_(OPEN))
        query = select(RUNS.c.id, RUNS.c.org).where(RUNS.c.status == "interrupted", ~asking, ~at_work).limit(100)
        async with reading(self.engine) as conn:
            return [(row.id, row.org) for row in await conn.execute(query)]

    async def _orphans(self) -> list[tuple[str, str]]:
        """Runs that somebody worked on when they died."""
        dead = or_(RUNS.c.lease_until < self.clock(), RUNS.c.owner == "serve")
        query = select(RUNS.c.id, RUNS.c.org).where(and_(RUNS.c.status == "running", dead))
        async with reading(self.engine) as conn:
            return [(row.id, row.org) for row in await conn.execute(query)]
