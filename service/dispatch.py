"""The embedded engine: turns wait in their thread's queue and are performed in this process.

One turn of a thread at a time, so many threads at once. What is in the rows and not finished is picked
up at the next start: ending the process loses nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from langgraph.runtime import RunControl

from service.contract import Stop
from service.performer import Outcome, Performer
from service.stopping import take_back
from service.streams import Feed, Feeds
from service.turns import Turn

AGAIN_S, AT_MOST_S = 0.5, 60.0
"""How long to wait before a turn is tried again that could not be performed: each time twice as long."""


@dataclass(slots=True, kw_only=True)
class Embedded:
    """Knows which turn works now, which waits, and how to stop either."""

    performer: Performer
    feeds: Feeds
    at_once: int = 8
    drain_s: float = 30.0
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    name: str = field(default="embedded", init=False)
    _waiting: dict[str, deque[Turn]] = field(default_factory=dict[str, deque[Turn]])
    _known: set[str] = field(default_factory=set[str])
    _drivers: dict[str, asyncio.Task[None]] = field(default_factory=dict[str, "asyncio.Task[None]"])
    _working: dict[str, "asyncio.Task[Outcome]"] = field(default_factory=dict[str, "asyncio.Task[Outcome]"])
    _begun: dict[str, Turn] = field(default_factory=dict[str, Turn])
    _controls: dict[str, RunControl] = field(default_factory=dict[str, RunControl])
    _stopped: set[str] = field(default_factory=set[str])
    _closing: bool = False
    _slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.at_once)

    async def start(self) -> None:
        """See ``Dispatch.start``."""
        await self.look()

    async def submit(self, turn: Turn) -> Feed | None:
        """See ``Dispatch.submit``."""
        if turn.id in self._known:
            return self.hear(turn)
        modes = tuple(turn.asked.get("modes", ()))
        feed = self.feeds.open(turn.id, Feed(born_ms=int(self.clock().timestamp() * 1_000), modes=modes))
        self._known.add(turn.id)
        self._waiting.setdefault(turn.thread, deque()).append(turn)
        if turn.thread not in self._drivers:
            self._drivers[turn.thread] = asyncio.create_task(self._drive(turn.thread))
        return feed

    def hear(self, turn: Turn) -> Feed | None:
        """See ``Dispatch.hear``."""
        return self.feeds.get(turn.id)

    async def done(self, turn: Turn) -> None:
        """See ``Dispatch.done``."""
        if (feed := self.hear(turn)) is not None:
            await feed.done()

    async def stop(self, turn: Turn, how: Stop, reason: str) -> None:
        """See ``Dispatch.stop``."""
        working = self._working.get(turn.id)
        if working is not None:
            self._stopped.add(turn.id)
            working.cancel()
            await asyncio.wait([working])
        await self.performer.turns.stop(turn, reason, now=self.clock())
        await take_back(self.performer, turn, how, now=self.clock())
        self._known.discard(turn.id)
        self.feeds.end(turn.id)

    async def look(self) -> None:
        """See ``Dispatch.look``: what another process put into the rows, or an earlier one left there."""
        for turn in await self.performer.turns.unfinished():
            await self.submit(turn)
        for id_, turn in list(self._begun.items()):  # stopped by a command line
            if await self.performer.turns.was_stopped(id_):
                await self.stop(turn, "interrupt", "operator")

    def drain(self) -> None:
        """See ``Dispatch.drain``."""
        self._closing = True
        for control in self._controls.values():
            control.request_drain()

    async def close(self) -> None:
        """See ``Dispatch.close``."""
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
            self._known.difference_update(turn.id for turn in self._waiting.pop(thread, ()))

    async def _until_done(self, turn: Turn) -> None:
        """Perform a turn, again and later where what it needs is busy or away."""
        try:
            await self._due(turn)
            pause = AGAIN_S
            while not self._closing:
                async with self._slots:
                    outcome = await self._one(turn)
                if outcome not in {"busy", "again"}:
                    return
                await asyncio.sleep(pause)
                pause = min(2 * pause, AT_MOST_S)
                turn = await self.performer.turns.get(turn.id, turn.org)
        finally:
            self._known.discard(turn.id)

    async def _due(self, turn: Turn) -> None:
        after = turn.due_in(self.clock())
        if after > 0:
            await asyncio.sleep(after)

    async def _one(self, turn: Turn) -> Outcome:
        feed = self.feeds.get(turn.id) or Feed(born_ms=0)
        control = self._controls[turn.id] = RunControl()
        self._begun[turn.id] = turn
        task = self._working[turn.id] = asyncio.create_task(self.performer.perform(turn, feed, control))
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
        if outcome in {"ended", "gone"}:
            self.feeds.end(turn.id)
        return outcome
