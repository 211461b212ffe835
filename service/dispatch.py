"""The embedded dispatcher: turns wait in their thread's queue and are performed in this process.

One turn of a thread at a time, so many threads at once. What is in the rows and not finished is picked
up at the next start: ending the process loses nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from service.engine import Engine
from service.performer import Outcome, Performer
from service.rewinding import roll_back
from service.streams import Feed, Feeds
from service.turns import Turn

Stop = Literal["interrupt", "rollback"]
BUSY_AGAIN_S = 2.0
"""When to look again at a run that another process advances."""


@dataclass(slots=True, kw_only=True)
class Dispatcher:
    """Knows which turn works now, which waits, and how to stop either."""

    performer: Performer
    feeds: Feeds
    at_once: int = 8
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    _waiting: dict[str, deque[Turn]] = field(default_factory=dict[str, deque[Turn]])
    _drivers: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, "asyncio.Task[None]"])
    _working: dict[str, "asyncio.Task[Outcome]"] = field(default_factory=dict[str, "asyncio.Task[Outcome]"])
    _stopped: set[str] = field(default_factory=set[str])
    _slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.at_once)

    def submit(self, turn: Turn) -> Feed:
        """Have a turn performed after those of its thread that came before."""
        modes = tuple(turn.asked.get("modes", ()))
        feed = self.feeds.open(turn.id, Feed(born_ms=int(self.clock().timestamp() * 1_000), modes=modes))
        self._waiting.setdefault(turn.thread, deque()).append(turn)
        if turn.thread not in self._drivers:
            self._drivers[turn.thread] = asyncio.create_task(self._drive(turn.thread))
        return feed

    def busy(self, thread: str) -> bool:
        """Whether a turn of this thread works or waits here."""
        return thread in self._drivers

    async def stop(self, turn: Turn, how: Stop, reason: str) -> None:
        """Stop a turn, working or waiting, and wait until nothing of it runs any more."""
        working = self._working.get(turn.id)
        if working is not None:
            self._stopped.add(turn.id)
            working.cancel()
            await asyncio.wait([working])
        await self.performer.turns.update(turn.id, now=self.clock(), status="interrupted", cancel_reason=reason)
        if how == "rollback":
            latest = await self.performer.turns.get(turn.id, turn.org)
            if latest.attempts:
                await roll_back(self._engine(turn), turn.thread, latest.before or "")
            await self.performer.turns.delete(turn.id)
        await self._rest(turn, waiting=bool(self._waiting.get(turn.thread)))
        self.feeds.end(turn.id)

    async def close(self) -> None:
        """Stop everything where it is; the rows say what has to go on at the next start."""
        drivers = list(self._drivers.values())
        for driver in drivers:
            driver.cancel()
        await asyncio.gather(*drivers, return_exceptions=True)

    async def _drive(self, thread: str) -> None:
        queue = self._waiting[thread]
        try:
            while queue:
                turn = queue.popleft()
                await self._due(turn)
                async with self._slots:
                    again = await self._one(turn)
                if again:
                    await asyncio.sleep(BUSY_AGAIN_S)
                    queue.appendleft(turn)
        finally:
            self._drivers.pop(thread, None)
            self._waiting.pop(thread, None)

    async def _due(self, turn: Turn) -> None:
        after = float(turn.asked.get("after", 0)) - (self.clock() - turn.created_at).total_seconds()
        if after > 0:
            await asyncio.sleep(after)

    async def _one(self, turn: Turn) -> bool:
        """Perform one turn; True when it must be tried again because another process works on its run."""
        feed = self.feeds.get(turn.id) or Feed(born_ms=0)
        task = self._working[turn.id] = asyncio.create_task(self.performer.perform(turn, feed))
        try:
            outcome = await asyncio.shield(task)
        except asyncio.CancelledError:
            if turn.id in self._stopped:
                return False
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        finally:
            self._working.pop(turn.id, None)
            self._stopped.discard(turn.id)
        if outcome == "ended":
            self.feeds.end(turn.id)
        return outcome == "busy"

    async def _rest(self, turn: Turn, *, waiting: bool) -> None:
        engine = self._engine(turn)
        state = await engine.graph.aget_state(engine.config(turn.thread))
        status = "busy" if waiting else "interrupted" if state.interrupts else "idle"
        await self.performer.threads.update(turn.thread, now=self.clock(), status=status)

    def _engine(self, turn: Turn) -> Engine:
        return replace(self.performer.engine, org=turn.org)
