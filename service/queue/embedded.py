"""Embedded dispatcher: turns wait in their thread's queue and are performed in this process.

One turn of a thread at a time, so many threads at once. What is in the rows and not finished is picked
up at the next start: ending the process loses nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from langgraph.runtime import RunControl
from sqlalchemy.ext.asyncio import AsyncConnection

from database import Signals
from domain import Refused
from service.runs.dispatcher import Stop
from service.runs.event_log import END, TAIL_S, EventReader, EventWriter, TurnEvents
from service.runs.executor import TurnExecutor, TurnOutcome, take_back
from service.runs.turns import Turn

AGAIN_S, AT_MOST_S = 0.5, 60.0
"""How long to wait before a turn is tried again that could not be performed: each time twice as long."""


@dataclass(slots=True, kw_only=True)
class EmbeddedDispatcher:
    """Knows which turn works now, which waits, and how to stop either."""

    executor: TurnExecutor
    events: TurnEvents
    signals: Signals = field(default_factory=Signals)
    """Nobody outside this process performs turns, so nothing has to be listened to."""
    at_once: int = 8
    drain_s: float = 30.0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    name: str = field(default="embedded", init=False)
    _waiting: dict[str, deque[Turn]] = field(default_factory=dict[str, deque[Turn]])
    _known: dict[str, EventWriter] = field(default_factory=dict[str, EventWriter])
    """What was submitted and is not over, by turn."""
    _drivers: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, "asyncio.Task[None]"])
    _working: dict[str, "asyncio.Task[TurnOutcome]"] = field(default_factory=dict[str, "asyncio.Task[TurnOutcome]"])
    _begun: dict[str, Turn] = field(default_factory=dict[str, Turn])
    _controls: dict[str, RunControl] = field(default_factory=dict[str, RunControl])
    _stopped: set[str] = field(default_factory=set[str])
    _closing: bool = False
    _slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.at_once)

    async def start(self) -> None:
        """See ``Dispatcher.start``."""
        await self.look()

    async def enqueue(self, conn: AsyncConnection, turn: Turn) -> None:
        """See ``Dispatcher.enqueue``. Nobody is told of a row before it is committed: ``submit`` does it all."""

    async def submit(self, turn: Turn, *, enqueued: bool = False) -> EventReader | None:  # noqa: ARG002
        """See ``Dispatcher.submit``."""
        if turn.id in self._known:
            return self.hear(turn)
        self._known[turn.id] = self._writer(turn)
        self._waiting.setdefault(turn.thread, deque()).append(turn)
        if turn.thread not in self._drivers:
            self._drivers[turn.thread] = asyncio.create_task(self._drive(turn.thread))
        self.signals.heard(f"thread:{turn.thread}")
        return self.hear(turn)

    def _writer(self, turn: Turn) -> EventWriter:
        modes = tuple(turn.asked.get("modes", ()))
        return EventWriter(turn=turn, events=self.events, signals=self.signals, clock=self.clock, modes=modes)

    def hear(self, turn: Turn) -> EventReader | None:
        """See ``Dispatcher.hear``."""
        writer = self._known.get(turn.id)
        if writer is None and not turn.asked.get("modes"):
            return None
        # Whoever would still say something about a turn is in this process: there is no need to wait for others.
        return EventReader(
            turn=turn,
            events=self.events,
            turns=self.executor.turns,
            signals=self.signals,
            writer=writer,
            tail_s=TAIL_S if writer else 0.0,
        )

    async def done(self, turn: Turn) -> None:
        """See ``Dispatcher.done``."""
        if (writer := self._known.get(turn.id)) is not None:
            await writer.over.wait()

    async def stop(self, turn: Turn, how: Stop, reason: str) -> None:
        """See ``Dispatcher.stop``."""
        working, writer = self._working.get(turn.id), self._known.get(turn.id)
        if working is not None:
            # Marked before it is cancelled: by that ``_one`` tells a stop from the end of the process.
            self._stopped.add(turn.id)
            working.cancel()
            await asyncio.wait([working])
        await self.executor.turns.stop(turn, reason, now=self.clock())
        await self._say_end(turn, writer)
        await take_back(self.executor, turn, how, now=self.clock())
        self._known.pop(turn.id, None)
        if writer is not None:
            writer.hang_up()

    async def _say_end(self, turn: Turn, writer: EventWriter | None) -> None:
        """Nothing more is said about a turn that was stopped."""
        if writer is not None:
            await writer.close(ended=False)
        if turn.asked.get("modes"):
            await self.events.append(turn.id, [(END, b"")], at=self.clock())

    async def look(self) -> None:
        """See ``Dispatcher.look``: what another process put into the rows, or an earlier one left there."""
        for turn in await self.executor.turns.unfinished():
            await self.submit(turn)
        for id_, turn in list(self._begun.items()):  # stopped by a command line
            if await self.executor.turns.was_stopped(id_):
                await self.stop(turn, "interrupt", "operator")

    async def drop_ended(self, hours: int) -> None:
        """See ``Dispatcher.drop_ended``. Here a job is a turn, and nothing besides."""

    def drain(self) -> None:
        """See ``Dispatcher.drain``."""
        self._closing = True
        for control in self._controls.values():
            control.request_drain()

    async def close(self) -> None:
        """See ``Dispatcher.close``."""
        self.drain()
        drivers = list(self._drivers.values())
        if self._working:
            await asyncio.wait(list(self._working.values()), timeout=self.drain_s)
        for driver in drivers:
            driver.cancel()
        await asyncio.gather(*drivers, return_exceptions=True)

    async def _drive(self, thread: str) -> None:
        queue = self._waiting[thread]
        try:
            while queue and not self._closing:
                await self._until_done(queue.popleft())
        finally:
            self._drivers.pop(thread, None)
            # They are in their rows: the next look, or the next process, submits them.
            for turn in self._waiting.pop(thread, ()):
                self._known.pop(turn.id, None)

    async def _until_done(self, turn: Turn) -> None:
        """Perform a turn, again and later where what it needs is busy or away."""
        try:
            if (due_in := turn.due_in(self.clock())) > 0:
                await asyncio.sleep(due_in)
            pause = AGAIN_S
            while not self._closing:
                # Given back while it waits to be tried again: a run that is busy holds up no other thread.
                async with self._slots:
                    if self._closing:  # since it waited for its place
                        return
                    outcome = await self._one(turn)
                if outcome not in {"busy", "again"}:
                    return
                await asyncio.sleep(pause)
                pause = min(2 * pause, AT_MOST_S)
                try:
                    turn = await self.executor.turns.get(turn.id, turn.org)
                except Refused:  # it was taken back and forgotten; those behind it are performed all the same
                    return
        finally:
            self._known.pop(turn.id, None)

    async def _one(self, turn: Turn) -> TurnOutcome:
        writer = self._known.get(turn.id) or self._writer(turn)
        writer.turn = turn
        control = self._controls[turn.id] = RunControl()
        self._begun[turn.id] = turn
        task = self._working[turn.id] = asyncio.create_task(self.executor.perform(turn, writer, control))
        outcome: TurnOutcome = "again"
        try:
            outcome = await asyncio.shield(task)
        except asyncio.CancelledError:
            if turn.id in self._stopped:
                return "gone"
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        finally:
            self._working.pop(turn.id, None)
            self._controls.pop(turn.id, None)
            self._begun.pop(turn.id, None)
            self._stopped.discard(turn.id)
            await asyncio.shield(writer.close(ended=outcome == "ended"))
        if outcome == "gone":
            await self._say_end(turn, writer)
            writer.hang_up()
        return outcome
