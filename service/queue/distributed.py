"""Distributed dispatcher: any number of processes on one PostgreSQL server, one job for each turn.

Whoever takes a job performs its turn under the run's lease. Processes talk through the database only:
streams are rows, and a word (``NOTIFY``) says that there are new ones. Jobs that nobody does, and turns that
have none, are found by looking for them: the queue does not find those by itself.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from weakref import WeakValueDictionary

import structlog
from langgraph.runtime import RunControl
from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from database import Signals, listening, look_again, writing
from domain import Refused, Transient
from service.queue.procrastinate import QUEUE, Queue, RetryLater, open_queue
from service.runs.dispatcher import EventStream, Stop
from service.runs.event_log import END, EventReader, EventWriter, TurnEvents
from service.runs.executor import TurnExecutor, take_back
from service.runs.turns import Turn

LEASES = 3
"""After how many leases a job counts as abandoned: a busy machine may take a while to write how one ended."""
FORGOTTEN = text(
    "SELECT id FROM turns WHERE status IN ('pending', 'running') AND updated_at < :before AND NOT EXISTS ("
    "SELECT 1 FROM procrastinate_jobs AS jobs WHERE jobs.status IN ('todo', 'doing') AND jobs.args->>'turn' = turns.id"
    ") ORDER BY seq LIMIT 500"
).bindparams(bindparam("before"))
"""Turns without a job: whoever wrote the row died before it could put the job in."""
ABANDONED = text(
    "DELETE FROM procrastinate_jobs AS jobs WHERE jobs.queue_name = :queue AND jobs.status = 'doing' AND NOT EXISTS ("
    "SELECT 1 FROM procrastinate_events AS events WHERE events.job_id = jobs.id AND events.at > :long_before"
    ") AND NOT EXISTS ("
    "SELECT 1 FROM turns WHERE turns.id = jobs.args->>'turn' AND turns.updated_at > :long_before"
    ") AND NOT EXISTS ("
    "SELECT 1 FROM runs WHERE runs.id = jobs.lock AND runs.owner IS NOT NULL AND runs.lease_until > :long_before"
    ") RETURNING jobs.args->>'turn'"
).bindparams(bindparam("long_before"), queue=QUEUE)
"""Jobs that nobody does although their worker lives: the database went away while it wrote how one ended.

The queue itself gives a job to others only when its worker is dead, so this one would hold its thread for good.
"""


async def left_over(engine: AsyncEngine, now: datetime, lease: timedelta) -> set[str]:
    """Turns to put in again. Jobs that nobody has done anything about for some leases are gone afterwards."""
    async with writing(engine) as conn:
        abandoned = [str(row[0]) for row in await conn.execute(ABANDONED, {"long_before": now - LEASES * lease})]
        forgotten = {str(row[0]) for row in await conn.execute(FORGOTTEN, {"before": now - lease})}
    if abandoned:
        structlog.get_logger("signoff.queue").warning("jobs that nobody did", turns=abandoned)
    return forgotten


LOOK_S = 5.0
"""How often a worker looks whether its turn was stopped, should nobody have told it."""


@dataclass(slots=True, kw_only=True)
class DistributedDispatcher:
    """A ``Dispatcher`` over a queue. ``at_once`` 0: this process only hands over."""

    executor: TurnExecutor
    queue: Queue
    events: TurnEvents
    signals: Signals
    at_once: int
    drain_s: float = 30.0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    name: str = field(default="distributed", init=False)
    _controls: dict[str, RunControl] = field(default_factory=dict[str, RunControl])
    _working: dict[str, "asyncio.Task[object]"] = field(default_factory=dict[str, "asyncio.Task[object]"])
    _submitted: WeakValueDictionary[str, EventReader] = field(default_factory=WeakValueDictionary[str, EventReader])
    """Turns that were submitted here, while somebody waits for them."""
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _worker: "asyncio.Task[None] | None" = None

    async def start(self) -> None:
        """See ``Dispatcher.start``."""
        if self.at_once:
            self._worker = asyncio.create_task(self.queue.work(self.at_once, self._stop))

    async def enqueue(self, conn: AsyncConnection, turn: Turn) -> None:
        """See ``Dispatcher.enqueue``: the job is a row of the same database."""
        driver = (await conn.get_raw_connection()).driver_connection
        due_in = turn.due_in(self.clock())
        await self.queue.put(turn.id, org=turn.org, thread=turn.thread, after_s=due_in, connection=driver)

    async def submit(self, turn: Turn, *, enqueued: bool = False) -> EventStream | None:
        """See ``Dispatcher.submit``."""
        if not enqueued:
            await self.queue.put(turn.id, org=turn.org, thread=turn.thread, after_s=turn.due_in(self.clock()))
        # Where this very process performs it, its result is at hand and need not be read.
        return self._submitted.setdefault(turn.id, self._reader(turn))

    def hear(self, turn: Turn) -> EventStream | None:
        """See ``Dispatcher.hear``."""
        if not turn.asked.get("modes"):
            return None
        return self._reader(turn)

    def _reader(self, turn: Turn) -> EventReader:
        return EventReader(turn=turn, events=self.events, turns=self.executor.turns, signals=self.signals)

    async def done(self, turn: Turn) -> None:
        """See ``Dispatcher.done``."""
        with self.signals.on(f"turn:{turn.id}") as news:
            while True:
                here = self._submitted.get(turn.id)
                if here is not None and here.writer is not None:  # it ended in this process
                    return
                with suppress(Transient):  # nobody can say now
                    if not await self.executor.turns.is_open(turn.id):
                        return
                await look_again(news)
                news.clear()

    async def stop(self, turn: Turn, how: Stop, reason: str) -> None:
        """See ``Dispatcher.stop``."""
        # A turn that nobody works on has no worker to wait for.
        if await self.executor.turns.stop(turn, reason, now=self.clock()):
            await self._settled(turn)
        if turn.asked.get("modes"):
            await self.events.append(turn.id, [(END, b"")], at=self.clock())
        await take_back(self.executor, turn, how, now=self.clock())

    async def _settled(self, turn: Turn) -> None:
        """Wait until its worker let go of the run; take it away from one that does not answer."""
        runs = self.executor.engine.runs
        with self.signals.on(f"run:{turn.thread}") as news, suppress(TimeoutError):
            async with asyncio.timeout(self.queue.lease_s):
                while (await runs.get(turn.thread, org=turn.org)).owner is not None:
                    await look_again(news)
                    news.clear()
                return
        # Its worker may be dead, or cut off from the database: a moved generation lets it write nothing more.
        await runs.park(turn.thread, now=self.clock())

    async def perform(self, turn: str, org: str) -> None:
        """Do one job. Raises ``RetryLater``."""
        try:
            submitted = await self.executor.turns.get(turn, org)
            if submitted.open:
                await self._perform(submitted)
        except Refused:  # it was taken back and forgotten
            return
        except Transient as error:
            raise RetryLater from error

    async def _perform(self, turn: Turn) -> None:
        if self._stop.is_set():  # the queue gave it out just when it was told to stop: nobody would wait for this turn
            raise RetryLater(at_once=True)
        writer = EventWriter(
            turn=turn,
            events=self.events,
            signals=self.signals,
            clock=self.clock,
            modes=tuple(turn.asked.get("modes", ())),
        )
        control = self._controls[turn.id] = RunControl()
        task = asyncio.create_task(self.executor.perform(turn, writer, control))
        self._working[turn.id] = task
        watching = asyncio.create_task(self._watch(turn, task))
        outcome = "again"
        try:
            await asyncio.wait([task])
            if not task.cancelled():
                outcome = task.result()
            elif not await self.executor.turns.is_open(turn.id):
                outcome = "gone"
        except asyncio.CancelledError:  # the process ends, and this turn did not come to its next step in time
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise RetryLater(at_once=True) from None
        finally:
            watching.cancel()
            self._controls.pop(turn.id, None)
            self._working.pop(turn.id, None)
            # Listeners elsewhere read what is written: all that was said has to be, also when this is cancelled.
            await asyncio.shield(writer.close(ended=outcome == "ended"))
            if outcome == "ended" and (reader := self._submitted.get(turn.id)) is not None:
                reader.writer = writer
                self.signals.heard(f"turn:{turn.id}")
        if outcome == "gone":  # stopped, perhaps by a command line that left the rest to us
            await take_back(self.executor, turn, "interrupt", now=self.clock())
        if outcome in {"busy", "again", "drained"}:
            raise RetryLater(at_once=outcome == "drained")

    async def _watch(self, turn: Turn, task: "asyncio.Task[object]") -> None:
        """Cancel the work on a turn that somebody stopped."""
        with self.signals.on(f"stop:{turn.id}") as news:
            while True:
                await look_again(news, LOOK_S)
                news.clear()
                with suppress(Transient):  # the database is away: it is looked at again
                    if await self.executor.turns.was_stopped(turn.id):
                        task.cancel()
                        return

    async def look(self) -> None:
        """See ``Dispatcher.look``."""
        await self.queue.rescue()
        lease = timedelta(seconds=self.queue.lease_s)
        forgotten = await left_over(self.executor.turns.engine, self.clock(), lease)
        for turn in await self.executor.turns.unfinished() if forgotten else ():
            if turn.id in forgotten:
                await self.submit(turn)

    async def drop_ended(self, hours: int) -> None:
        """See ``Dispatcher.drop_ended``."""
        await self.queue.drop_ended(hours)

    def drain(self) -> None:
        """See ``Dispatcher.drain``."""
        self._stop.set()
        for control in self._controls.values():
            control.request_drain()

    async def close(self) -> None:
        """See ``Dispatcher.close``."""
        self.drain()
        # Those that do not come to their next step in time are cancelled and given back, and the worker, which writes
        # that, ends last.
        if self._working:
            await asyncio.wait(list(self._working.values()), timeout=self.drain_s)
        while working := [task for task in self._working.values() if not task.done()]:
            for task in working:
                task.cancel()
            # Again after a while: the driver's pool loses a cancellation that comes together with a connection.
            await asyncio.wait(working, timeout=self.drain_s)
        if self._worker is not None:
            await asyncio.gather(self._worker, return_exceptions=True)


@asynccontextmanager
async def open_distributed(
    server: str, executor: TurnExecutor, *, at_once: int, lease_s: float, drain_s: float
) -> AsyncGenerator[DistributedDispatcher]:
    """The engine of this process on a server."""
    # The queue needs to know who performs, and the dispatcher needs the queue: they meet here.
    engines: list[DistributedDispatcher] = []

    async def advance(turn: str, org: str) -> None:
        await engines[0].perform(turn, org)

    signals = Signals()
    async with listening(server, signals), open_queue(server, lease_s=lease_s, work=advance) as queue:
        engines.append(
            DistributedDispatcher(
                executor=executor,
                queue=queue,
                events=TurnEvents(engine=executor.turns.engine),
                signals=signals,
                at_once=at_once,
                drain_s=drain_s,
            )
        )
        yield engines[0]
