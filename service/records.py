"""Streams through the database: written where a turn is performed, heard in every process, also later."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog

from domain import Transient
from service.signals import AGAIN_S, Signals, look_again
from service.streams import HEARTBEAT_S, as_json, frame
from service.turn_events import END, TurnEvents
from service.turns import Turn, Turns

GATHER_S = 0.01
"""How long to wait for more before a batch is written."""
MOST_BYTES = 64 * 2**20
TAIL_S = 3.0
"""How long to wait for the last words of a turn that ended: whoever spoke them may be dead."""


@dataclass(slots=True, kw_only=True)
class Scribe:
    """A ``Speech`` that is written down, a batch at a time."""

    turn: Turn
    events: TurnEvents
    clock: Callable[[], datetime]
    modes: tuple[str, ...]
    result: Mapping[str, Any] | None = None
    _waiting: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    _bytes: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _writing: "asyncio.Task[None] | None" = None
    _ended: bool = False

    def say(self, event: str, data: Any) -> None:
        """See ``Speech.say``. Nobody hears a turn that nobody wants to hear."""
        if not self.modes or self._bytes > MOST_BYTES:
            return
        body = as_json(data)
        self._bytes += len(body)
        self._waiting.append((event, body))
        self._news.set()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def close(self, *, ended: bool) -> None:
        """Write what is left; ``ended``: and that nothing comes any more."""
        if not self.modes:
            return
        if ended:
            self._waiting.append((END, b""))
        self._ended = True
        self._news.set()
        if self._writing is not None:
            await self._writing
        await self._flush()

    async def _write(self) -> None:
        while not self._ended:
            await self._news.wait()
            await asyncio.sleep(GATHER_S)
            self._news.clear()
            await self._flush()

    async def _flush(self) -> None:
        """Write a batch. A stream is worth no failed run: what the database does not take now is tried once more."""
        batch, self._waiting = self._waiting, []
        if not batch:
            return
        try:
            await self.events.append(self.turn.id, batch, at=self.clock(), attempt=self.turn.attempts + 1)
        except Transient as error:
            structlog.get_logger("signoff.stream").warning("stream not written", code=error.stable_code)
            self._waiting = batch + self._waiting if not self._ended else []
            await asyncio.sleep(AGAIN_S)


@dataclass(slots=True, kw_only=True)
class Replay:
    """A ``Heard`` that reads what was written down."""

    turn: Turn
    events: TurnEvents
    turns: Turns
    signals: Signals
    result: Mapping[str, Any] | None = None

    @property
    def born_ms(self) -> int:
        """What its ids begin with, in every process."""
        return int(self.turn.created_at.timestamp() * 1_000)

    async def listen(self, after: str | None = None) -> AsyncGenerator[bytes]:
        """See ``Heard.listen``."""
        born, _, number = (after or "").partition("-")
        at = int(number) if born == str(self.born_ms) and number.isdecimal() else 0
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
                    if over_for > TAIL_S:
                        return
                await look_again(news)
                silent += AGAIN_S
                if silent >= HEARTBEAT_S:
                    silent = 0.0
                    yield b": heartbeat\n\n"

    async def _page(self, at: int) -> list[tuple[int, str, bytes]]:
        try:
            return await self.events.after(self.turn.id, at)
        except Transient:  # the database is away for a moment: whoever hears this goes on hearing it
            return []

    async def _may_go_on(self) -> bool:
        try:
            return await self.turns.is_open(self.turn.id)
        except Transient:
            return True
