"""The distributed engine: any number of processes on one PostgreSQL server, one job for each turn.

Whoever takes a job performs its turn under the run's lease. Processes talk through the database only:
streams are rows, and a word (``NOTIFY``) says that there are new ones.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from langgraph.runtime import RunControl

from domain import Refused, Transient
from service.contract import Heard, Stop
from service.leftovers import left_over
from service.performer import Performer
from service.queue import Later, Queue, open_queue
from service.records import Replay, Scribe
from service.signals import Signals, listening, look_again
from service.stopping import take_back
from service.turn_events import END, TurnEvents
from service.turns import Turn

LOOK_S = 5.0
"""How often a worker looks whether its turn was stopped, should nobody have told it."""


@dataclass(slots=True, kw_only=True)
class Distributed:
    """A ``Dispatch`` over a queue. ``at_once`` 0: this process only hands over."""

    performer: Performer
    queue: Queue
    events: TurnEvents
    signals: Signals
    at_once: int
    drain_s: float = 30.0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    name: str = field(default="distributed", init=False)
    _controls: dict[str, RunControl] = field(default_factory=dict[str, RunControl])
    _working: dict[str, "asyncio.Task[object]"] = field(default_factory=dict[str, "asyncio.Task[object]"])
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _worker: "asyncio.Task[None] | None" = None

    async def start(self) -> None:
        """See ``Dispatch.start``."""
        if self.at_once:
            self._worker = asyncio.create_task(self.queue.work(self.at_once, self._stop))

    async def submit(self, turn: Turn) -> Heard | None:
        """See ``Dispatch.submit``."""
        await self.queue.put(turn.id, org=turn.org, thread=turn.thread, after_s=turn.due_in(self.clock()))
        return self.hear(turn)

    def hear(self, turn: Turn) -> Heard | None:
        """See ``Dispatch.hear``."""
        if not turn.asked.get("modes"):
            return None
        return Replay(turn=turn, events=self.events, turns=self.performer.turns, signals=self.signals)

    async def done(self, turn: Turn) -> None:
        """See ``Dispatch.done``."""
        with self.signals.on(f"turn:{turn.id}") as news:
            while await self._may_be_open(turn):
                await look_again(news)
                news.clear()

    async def _may_be_open(self, turn: Turn) -> bool:
        try:
            return await self.performer.turns.is_open(turn.id)
        except Transient:  # nobody can say now
            return True

    async def stop(self, turn: Turn, how: Stop, reason: str) -> None:
        """See ``Dispatch.stop``."""
        if await self.performer.turns.stop(turn, reason, now=self.clock()):
            await self._settled(turn)
        if turn.asked.get("modes"):
            await self.events.append(turn.id, [(END, b"")], at=self.clock())
        await take_back(self.performer, turn, how, now=self.clock())

    async def _settled(self, turn: Turn) -> None:
        """Wait until its worker let go of the run; take it away from one that does not answer."""
        runs = self.performer.engine.runs
        with self.signals.on(f"run:{turn.thread}") as news, suppress(TimeoutError):
            async with asyncio.timeout(self.queue.lease_s):
                while (await runs.get(turn.thread, org=turn.org)).owner is not None:
                    await look_again(news)
                    news.clear()
                return
        await runs.park(turn.thread, now=self.clock())

    async def perform(self, turn: str, org: str) -> None:
        """Do one job. Raises ``Later``."""
        try:
            found = await self.performer.turns.get(turn, org)
            if found.open:
                await self._perform(found)
        except Refused:  # it was taken back and forgotten
            return
        except Transient as error:
            raise Later from error

    async def _perform(self, turn: Turn) -> None:
        speech = Scribe(turn=turn, events=self.events, signals=self.signals, clock=self.clock,
                        modes=tuple(turn.asked.get("modes", ())))  # fmt: skip
        control = self._controls[turn.id] = RunControl()
        task = asyncio.create_task(self.performer.perform(turn, speech, control))
        self._working[turn.id] = task
        watching = asyncio.create_task(self._watch(turn, task))
        outcome = "again"
        try:
            await asyncio.wait([task])
            if not task.cancelled():
                outcome = task.result()
            elif not await self.performer.turns.is_open(turn.id):
                outcome = "gone"
        except asyncio.CancelledError:  # the process ends, and this turn did not come to its next step in time
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise Later(at_once=True) from None
        finally:
            watching.cancel()
            self._controls.pop(turn.id, None)
            self._working.pop(turn.id, None)
            await asyncio.shield(speech.close(ended=outcome == "ended"))
        if outcome == "gone":  # stopped, perhaps by a command line that left the rest to us
            await take_back(self.performer, turn, "interrupt", now=self.clock())
        if outcome in {"busy", "again", "drained"}:
            raise Later(at_once=outcome == "drained")

    async def _watch(self, turn: Turn, task: "asyncio.Task[object]") -> None:
        """Cancel the work on a turn that somebody stopped."""
        with self.signals.on(f"stop:{turn.id}") as news:
            while True:
                await look_again(news, LOOK_S)
                news.clear()
                with suppress(Transient):  # the database is away: it is looked at again
                    if await self.performer.turns.was_stopped(turn.id):
                        task.cancel()
                        return

    async def look(self) -> None:
        """See ``Dispatch.look``."""
        await self.queue.rescue()
        lease = timedelta(seconds=self.queue.lease_s)
        forgotten = await left_over(self.performer.turns.engine, self.clock(), lease)
        for turn in await self.performer.turns.unfinished() if forgotten else ():
            if turn.id in forgotten:
                await self.submit(turn)

    def drain(self) -> None:
        """See ``Dispatch.drain``."""
        self._stop.set()
        for control in self._controls.values():
            control.request_drain()

    async def close(self) -> None:
        """See ``Dispatch.close``."""
        self.drain()
        if self._working:
            await asyncio.wait(list(self._working.values()), timeout=self.drain_s)
        for task in list(self._working.values()):
            task.cancel()
        if self._worker is not None:
            await asyncio.gather(self._worker, return_exceptions=True)


@asynccontextmanager
async def open_distributed(
    server: str, performer: Performer, *, at_once: int, lease_s: float, drain_s: float
) -> AsyncGenerator[Distributed]:
    """The engine of this process on a server."""
    engines: list[Distributed] = []

    async def advance(turn: str, org: str) -> None:
        await engines[0].perform(turn, org)

    signals = Signals()
    async with listening(server, signals), open_queue(server, lease_s=lease_s, work=advance) as queue:
        engines.append(
            Distributed(
                performer=performer,
                queue=queue,
                events=TurnEvents(engine=performer.turns.engine),
                signals=signals,
                at_once=at_once,
                drain_s=drain_s,
            )
        )
        yield engines[0]
