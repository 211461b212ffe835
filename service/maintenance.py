"""Maintenance: the loop that looks once a second at what no request comes back for.

Questions that were answered elsewhere or by no one, letters that wait, runs whose process died, ticks of crons, what
forges sent; and, every ten minutes, what is due to be deleted (``service.retention``).
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import structlog
from pydantic import ValidationError
from sqlalchemy import exists, or_, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Ballots
from approvals.channels import WebhookSender
from approvals.storage import metadata
from database import reading, writing
from domain import Exhausted, Refused, SignoffError
from service.auth.principal import Principal
from service.errors import refuse
from service.retention import Retention
from service.runs.dispatcher import Dispatcher
from service.runs.requests import RunAsk
from service.runs.runs import RUNS
from service.runs.submission import RECOVERED, Submission
from service.runs.threads import THREADS
from service.runs.turns import OPEN, TURNS
from service.storage.crons import Cron, Crons

EVERY_S = 1.0
EXPIRE_EVERY = 10
"""Rounds between two looks at what nobody answered, and what nobody works on."""
RETAIN_EVERY = 600
ROUND_S = 600.0
"""The longest a round may take."""
FORGES_S = 45.0
"""The longest that forges may hold a round up."""
# A number of ours; migrations have the one before it.
_LOCK = text("SELECT pg_try_advisory_xact_lock(5146300302)")
_DELETED = exists().where(THREADS.c.id == RUNS.c.id, THREADS.c.org == RUNS.c.org, THREADS.c.deleted_at.is_not(None))
"""Waking such a run is refused, and one that is refused would hold up everything behind it."""

WITNESS_EVERY = 60
PASSING = frozenset({"thread_busy", "idempotency_reused", "no_question", "plan_limit_reached"})
"""Why a tick starts nothing and the next one may: its thread is busy or waits for a signature, the tick was had, or the
plan is used up for this month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Maintenance:
    """Looks once a second. Everything it finds is in the rows: no message can get lost."""

    engine: AsyncEngine
    ballots: Ballots
    submission: Submission
    sender: WebhookSender
    dispatch: Dispatcher
    witnessed: Callable[[], Awaitable[object]]
    """Takes checkpoints of the audit."""
    failed: Callable[[], object] = lambda: None
    """Hears of a round that could not be done."""
    retention: Retention
    crons: Crons
    forge_events: Callable[[], Awaitable[object]]
    """Does what web hooks of forges let in, and answers there."""
    tend_caches: Callable[[], Awaitable[object]]
    """Trims what is kept to be quicker, and rebuilds what is due."""
    may_act: Callable[[str, str], Awaitable[bool]]
    """Whether this organisation's person or program could still come in."""
    clock: Callable[[], datetime]

    async def take_up(self) -> None:
        """Go on with everything that was not finished when the last process ended."""
        await self.dispatch.start()
        # ``serve`` is the name of every embedded server (``wiring.server``): what a killed one held waits for no lease.
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
                        await self.tend_caches()
            except SignoffError as error:  # a database that does not answer now will be asked again
                structlog.get_logger("signoff.maintenance").warning("round failed", code=error.stable_code)
                self.failed()
            except Exception:  # noqa: BLE001  the boundary: whatever broke, the next round is walked
                structlog.get_logger("signoff.maintenance").exception("round broke")
                self.failed()
            number += 1
            await asyncio.sleep(EVERY_S)

    async def once(self, *, expire: bool = True) -> None:
        """One round."""
        if expire:
            await self.ballots.expire()
            await self.dispatch.look()
            await self._recover()
        # Runs that wait for a signature although no question of theirs is open: decided elsewhere, or expired.
        ballots, now = metadata.tables["ballots"].c, self.clock()
        asking = exists().where(ballots.run == RUNS.c.id, ballots.state == "pending", ballots.expires_at > now)
        at_work = exists().where(TURNS.c.thread == RUNS.c.id, TURNS.c.status.in_(OPEN))
        query = select(RUNS.c.id, RUNS.c.org).where(RUNS.c.status == "interrupted", ~asking, ~at_work, ~_DELETED)
        async with reading(self.engine) as conn:
            # The others come in the next rounds.
            answered = [(row.id, row.org) for row in await conn.execute(query.limit(100))]
        for run, org in answered:
            await self.submission.wake(run, org, because="decided")
        for cron in await self.crons.due():
            await self.tick(cron)
        await self.sender.round()
        # What waits for a forge that does not answer is taken up again in another round.
        with suppress(TimeoutError):
            async with asyncio.timeout(FORGES_S):
                await self.forge_events()

    async def tick(self, cron: Cron) -> None:
        """Start the run of a tick, once, and plan the next one; a cron whose runs are refused is switched off."""
        error, tick = None, f"{cron.id} {cron.next_at}"
        # A thread of its own has an id that another server would choose, too.
        thread = cron.thread or str(uuid5(NAMESPACE_URL, f"signoff:cron:{tick}"))
        body: dict[str, Any] = {
            **cron.asked,
            "metadata": {**cron.metadata, "cron_id": cron.id},
            "assistant_id": cron.assistant,
            "if_not_exists": "reject" if cron.thread else "create",
        }
        try:
            if not await self.may_act(cron.org, cron.subject):
                raise refuse("key_ended", f"Nobody comes in as {cron.subject!r} any more.")
            who = Principal(subject=cron.subject, org=cron.org, kind="service", standing=cron.standing)
            await self.submission.take(who, RunAsk(**body), thread, once=f"\ncron {tick}")
        except (Refused, Exhausted, ValidationError) as no:
            code = no.stable_code if isinstance(no, SignoffError) else "request_invalid"
            if code not in PASSING:
                error = f"{code}: {no}"
            structlog.get_logger("signoff.crons").warning("a tick started nothing", cron=cron.id, code=code)
        await self.crons.ticked(cron, error=error)

    async def _recover(self, of: str = "") -> None:
        """Go on with runs that somebody worked on when they died, and that no turn is left of."""
        dead = or_(RUNS.c.lease_until < self.clock(), RUNS.c.owner == of)
        at_work = exists().where(TURNS.c.thread == RUNS.c.id, TURNS.c.status.in_(OPEN))
        query = select(RUNS.c.id, RUNS.c.org).where(RUNS.c.status == "running", dead, ~at_work, ~_DELETED)
        async with reading(self.engine) as conn:
            runs = [(row.id, row.org) for row in await conn.execute(query.limit(100))]
        for run, org in runs:
            await self.submission.wake(run, org, because=RECOVERED)

    @asynccontextmanager
    async def _alone(self) -> AsyncGenerator[bool]:
        """Of all processes on a server one walks at a time; when it dies, another one does."""
        if self.engine.dialect.name != "postgresql":
            yield True
            return
        # The lock ends with its transaction, so also with a process that dies in the middle of a round.
        async with writing(self.engine, within_s=ROUND_S) as conn:
            yield bool((await conn.execute(_LOCK)).scalar())
