"""Streams through the database: written where a turn is performed, heard in every process, also later.

What is heard is what is written: nobody hears an event that a killed process would take with it, so an id
means the same before and after.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import structlog

from domain import Transient
from service.signals import AGAIN_S, Signals, look_again
from service.streams import HEARTBEAT_S, as_json, frame
from service.turn_events import END, TurnEvents
from service.turns import Turn, Turns

GATHER_S = 0.01
"""How long to wait for more before a batch is written that nobody asked for."""
MOST_BYTES = 64 * 2**20
"""Of one turn that are kept; older events go."""
MOST_AT_HAND, MOST_AT_HAND_BYTES = 1_000, 4 * 2**20
"""Of the newest events, for listeners in the same process: most of them hear what was written just now."""
MOST_DIGITS = 10
"""Of an event's number; the database has no greater ones."""
TAIL_S = 3.0
"""How long to wait for the last words of a turn that ended: whoever spoke them may be dead."""

Told = tuple[int, str, bytes]
"""Number, event, body."""


@dataclass(slots=True, kw_only=True)
class Scribe:
    """A ``Speech`` that is written down, a batch at a time."""

    turn: Turn
    """As it was before this attempt."""
    events: TurnEvents
    signals: Signals
    clock: Callable[[], datetime]
    modes: tuple[str, ...]
    most_bytes: int = MOST_BYTES
    result: Mapping[str, Any] | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the turn has ended."""
    _waiting: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    _at_hand: deque[Told] = field(default_factory=deque[Told])
    _sizes: deque[int] = field(default_factory=deque[int])
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    _writing: "asyncio.Task[None] | None" = None
    _closing: bool = False

    def say(self, event: str, data: Any) -> None:
        """See ``Speech.say``. Nobody hears a turn that nobody wants to hear."""
        if not self.modes:
            return
        self._waiting.append((event, as_json(data)))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def kept(self) -> None:
        """See ``Speech.kept``."""
        if self._waiting or self._alone.locked():
            # Half of it must not get lost with a task that is cancelled meanwhile.
            await asyncio.shield(self._in_turn())

    async def close(self, *, ended: bool) -> None:
        """Write what is left; ``ended``: and that nothing comes any more."""
        self._closing = ended
        if self.modes:
            self._waiting += [(END, b"")] if ended else []
            await self.kept()
            if self._writing is not None:
                await self._writing
        if ended:
            self.hang_up()

    def hang_up(self) -> None:
        """Nobody says anything here any more."""
        self.over.set()
        self.signals.heard(f"turn:{self.turn.id}")

    async def _in_turn(self) -> None:
        async with self._alone:
            await self._flush()

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_S)
            await self.kept()
        self._writing = None

    async def _flush(self) -> None:
        """Write a batch. A stream is worth no failed run: what the database does not take now is tried once more."""
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        try:
            last = await self.events.append(self.turn.id, batch, at=self.clock(), attempt=self.turn.attempts + 1)
            if last is not None:
                self._keep_at_hand(batch, last)
                await self._bound(batch, last)
        except Transient as error:
            structlog.get_logger("signoff.stream").warning("stream not written", code=error.stable_code)
            self._waiting = [] if self._closing else batch + self._waiting
            await asyncio.sleep(AGAIN_S)
        self.signals.heard(f"turn:{self.turn.id}")

    def behind(self, seq: int) -> list[Told] | None:
        """What was written behind a number; None when that is not at hand any more."""
        if self.over.is_set() or not self._at_hand or seq + 1 < self._at_hand[0][0]:
            return None
        return list(islice(self._at_hand, seq + 1 - self._at_hand[0][0], None))

    def _keep_at_hand(self, batch: list[tuple[str, bytes]], last: int) -> None:
        first = last - len(batch) + 1
        if self._at_hand and self._at_hand[-1][0] + 1 != first:  # somebody else wrote, too
            self._at_hand.clear()
        self._at_hand.extend((first + n, event, body) for n, (event, body) in enumerate(batch))
        total = sum(len(body) for _, _, body in self._at_hand)
        while len(self._at_hand) > MOST_AT_HAND or total > MOST_AT_HAND_BYTES:
            total -= len(self._at_hand.popleft()[2])

    async def _bound(self, batch: list[tuple[str, bytes]], last: int) -> None:
        """Forget what is too much to keep."""
        self._sizes.extend(len(body) for _, body in batch)
        total, before = sum(self._sizes), len(self._sizes)
        while total > self.most_bytes and len(self._sizes) > 1:
            total -= self._sizes.popleft()
        if len(self._sizes) < before:
            await self.events.forget(self.turn.id, upto=last - len(self._sizes))


@dataclass(slots=True, kw_only=True)
class Replay:
    """A ``Heard`` that reads what was written down."""

    turn: Turn
    events: TurnEvents
    turns: Turns
    signals: Signals
    speech: Scribe | None = None
    """Where this process performs the turn itself."""
    tail_s: float = TAIL_S

    @property
    def result(self) -> Mapping[str, Any] | None:
        """See ``Heard.result``."""
        return self.speech.result if self.speech else None

    @property
    def born_ms(self) -> int:
        """What its ids begin with, in every process."""
        return int(self.turn.created_at.timestamp() * 1_000)

    async def listen(self, after: str | None = None) -> AsyncGenerator[bytes]:
        """See ``Heard.listen``."""
        born, _, number = (after or "").partition("-")
        known = born == str(self.born_ms) and number.isdecimal() and len(number) < MOST_DIGITS
        at = int(number) if known else 0
        silent = over_for = 0.0
        with self.signals.on(f"turn:{self.turn.id}") as news:
            while True:
                news.clear()
                for seq, event, body in await self._page(at):
                    if event == END:
                        return
                    at, silent = seq, 0.0
                    yield frame(event, body, f"{self.born_ms}-{seq}")
                    news.set()  # there may be more than one page
                if news.is_set():
                    continue
                if not await self._may_go_on():
                    over_for += AGAIN_S
                    if over_for > self.tail_s:
                        return
                await look_again(news)
                silent += AGAIN_S
                if silent >= HEARTBEAT_S:
                    silent = 0.0
                    yield b": heartbeat\n\n"

    async def _page(self, at: int) -> list[Told]:
        if self.speech is not None and (told := self.speech.behind(at)) is not None:
            return told
        try:
            return await self.events.after(self.turn.id, at)
        except Transient:  # the database is away for a moment: whoever hears this goes on hearing it
            return []

    async def _may_go_on(self) -> bool:
        if self.speech is not None and not self.speech.over.is_set():
            return True
        try:
            return await self.turns.is_open(self.turn.id)
        except Transient:
            return True
