"""What clients hear while a turn works: a bounded record of server-sent events that can be joined late.

Ids are ``<start of the record>-<number>``. After a restart the record starts anew: a client that comes
back with an older id gets everything that was said since.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic_core import to_json

HEARTBEAT_S = 15.0
MOST_EVENTS, MOST_BYTES = 20_000, 64 * 2**20
KEPT_FEEDS = 256
"""Ended feeds that can still be joined from their beginning."""


@dataclass(slots=True, eq=False)
class Feed:
    """The events of one turn."""

    born_ms: int
    modes: tuple[str, ...] = ()
    """What its client wants to hear besides our own events."""
    ended: bool = False
    result: Mapping[str, Any] | None = None
    """The final values, for those who wait for them."""
    _said: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])
    _first: int = 0
    _bytes: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def say(self, event: str, data: Any) -> None:
        """Tell everybody who listens, and remember it."""
        if self.ended:
            return
        body = as_json(data)
        self._said.append((event, body))
        self._bytes += len(body)
        while len(self._said) > MOST_EVENTS or (self._bytes > MOST_BYTES and len(self._said) > 1):
            self._bytes -= len(self._said.pop(0)[1])
            self._first += 1
        self._wake()

    def end(self) -> None:
        """Nothing more will be said."""
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()

    async def listen(self, after: str | None = None) -> AsyncGenerator[bytes]:
        """The events after this id as they are sent; all of them for None or an id of another record."""
        at = self._place(after)
        while True:
            news = self._news
            at = max(at, self._first)
            while at < self._first + len(self._said):
                event, body = self._said[at - self._first]
                at += 1
                yield frame(event, body, f"{self.born_ms}-{at}")
            if self.ended:
                return
            try:
                await asyncio.wait_for(news.wait(), HEARTBEAT_S)
            except TimeoutError:
                yield b": heartbeat\n\n"

    async def done(self) -> None:
        """Return when the turn has ended."""
        while not self.ended:
            await self._news.wait()

    def _place(self, after: str | None) -> int:
        born, _, number = (after or "").partition("-")
        return int(number) if born == str(self.born_ms) and number.isdecimal() else 0


@dataclass(slots=True)
class Feeds:
    """The feeds of one process, by turn. The newest ended ones can still be joined."""

    _open: dict[str, Feed] = field(default_factory=dict[str, Feed])
    _ended: dict[str, Feed] = field(default_factory=dict[str, Feed])

    def open(self, turn: str, feed: Feed) -> Feed:
        """The feed of this turn; the given one when there is none yet."""
        return self._open.setdefault(turn, feed)

    def get(self, turn: str) -> Feed | None:
        """The feed, ended or not; None when this process knows nothing of it."""
        return self._open.get(turn) or self._ended.get(turn)

    def end(self, turn: str) -> None:
        """Close the feed. What it said is kept for a while when somebody wanted to hear it."""
        feed = self._open.pop(turn, None)
        if feed is None:
            return
        feed.end()
        if feed.modes:
            self._ended[turn] = feed
        while len(self._ended) > KEPT_FEEDS:
            self._ended.pop(next(iter(self._ended)))


def frame(event: str, body: bytes, id_: str = "") -> bytes:
    """One server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    head = f"id: {id_}\n" if id_ else ""
    return f"{head}event: {event}\ndata: ".encode() + body + b"\n\n"


def as_json(data: Any) -> bytes:
    """JSON of anything a state may hold: our values, LangChain's messages, bytes."""
    return to_json(data, bytes_mode="base64", serialize_unknown=True, inf_nan_mode="null")
