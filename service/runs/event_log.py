"""Event log of turns, as server-sent events: written where a turn is performed, read in every process, also later.

What is read is what is written: no client hears an event that a killed process would take with it, so an id
means the same before and after.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any

import structlog
from pydantic_core import to_json
from sqlalchemy import (
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
    text,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from database import AGAIN_S, Signals, UtcDateTime, fetch_all, look_again, tell, write_one, writing
from domain import Transient
from service.runs.turns import TURNS, Turn, Turns
from service.tables import METADATA

HEARTBEAT_S = 15.0
"""How long a stream says nothing before it says that it is still there: proxies close silent connections."""
HEARTBEAT = b": heartbeat\n\n"
END = "\n"
"""The event behind which nothing comes any more."""
MOST = 20_000
"""Events of one turn that are kept; older ones go."""
EVENTS = Table(
    "turn_events",
    METADATA,
    Column("turn", String(64), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("event", String(300), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("said_at", UtcDateTime, nullable=False, index=True),
)
_E = EVENTS.c
# Statements of every step are made once: putting one together costs more than executing it.
_LOCK = select(TURNS.c.attempts).where(TURNS.c.id == bindparam("of")).with_for_update()
_LAST = select(func.max(_E.seq)).where(_E.turn == bindparam("of"))
_ADD = insert(EVENTS)
# The same four on PostgreSQL: the lock, the number, the rows and the word in one statement.
_APPEND = text("""
WITH said AS (
    SELECT id FROM turns WHERE id = :of AND attempts = coalesce(CAST(:attempt AS integer), attempts) FOR UPDATE
), last AS (
    SELECT coalesce(max(seq), 0) AS seq FROM turn_events WHERE turn = :of
), added AS (
    INSERT INTO turn_events (turn, seq, event, body, said_at)
    SELECT said.id, last.seq + new.n, new.event, new.body, CAST(:at AS timestamptz) FROM said, last,
        unnest(CAST(:events AS text[]), CAST(:bodies AS bytea[])) WITH ORDINALITY AS new(event, body, n)
    RETURNING seq
) SELECT (SELECT max(seq) FROM added) AS last, pg_notify('signoff', :word) FROM said""")
_PAGE = (
    select(_E.seq, _E.event, _E.body)
    .where(_E.turn == bindparam("of"), _E.seq > bindparam("behind"))
    .order_by(_E.seq)
    .limit(bindparam("most"))
)


def frame(event: str, body: bytes, id_: str = "") -> bytes:
    """One server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    head = f"id: {id_}\n" if id_ else ""
    return f"{head}event: {event}\ndata: ".encode() + body + b"\n\n"


def as_json(data: Any) -> bytes:
    """JSON of anything a state may hold: our values, LangChain's messages, bytes."""
    return to_json(data, bytes_mode="base64", serialize_unknown=True, inf_nan_mode="null")


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEvents:
    """Append and read, in the order in which it was said."""

    engine: AsyncEngine

    async def append(
        self, turn: str, events: Sequence[tuple[str, bytes]], *, at: datetime, attempt: int | None = None
    ) -> int | None:
        """Write behind what is there; the number of the last one, or None when another attempt has begun since."""
        if self.engine.dialect.name != "sqlite" and len(events) < MOST:
            said: dict[str, Any] = {"of": turn, "attempt": attempt, "at": at, "word": f"turn:{turn}"}
            said |= {"events": [event for event, _ in events], "bodies": [body for _, body in events]}
            # Two who write at the same moment may choose the same number: then it is done in order, below.
            with suppress(IntegrityError):
                return await self._append(turn, said)
        async with writing(self.engine) as conn:
            # An attempt that lost its turn to another one says nothing in its name any more.
            current = (await conn.execute(_LOCK, {"of": turn})).scalar()  # two writers follow each other
            if current is None or attempt not in {None, current}:
                return None
            last = (await conn.execute(_LAST, {"of": turn})).scalar() or 0
            rows = [
                {"turn": turn, "seq": last + n, "event": event, "body": body, "said_at": at}
                for n, (event, body) in enumerate(events, 1)
            ]
            await conn.execute(_ADD, rows)
            if last + len(events) > MOST:
                await conn.execute(delete(EVENTS).where(_E.turn == turn, _E.seq <= last + len(events) - MOST))
            await tell(conn, f"turn:{turn}")
        return last + len(events)

    async def _append(self, turn: str, said: Mapping[str, Any]) -> int | None:
        appended = (await write_one(self.engine, _APPEND, said)).rows
        if not appended:
            return None
        last = int(appended[0]["last"])
        if last > MOST:
            await self.forget(turn, upto=last - MOST)
        return last

    async def forget(self, turn: str, *, upto: int) -> None:
        """Delete the oldest events of a turn, up to a number."""
        await write_one(self.engine, delete(EVENTS).where(_E.turn == turn, _E.seq <= upto), {})

    async def after(self, turn: str, seq: int, *, limit: int = 500) -> list[tuple[int, str, bytes]]:
        """(number, event, body) of what was said behind a number."""
        rows = await fetch_all(self.engine, _PAGE, {"of": turn, "behind": seq, "most": limit})
        return [(int(row["seq"]), str(row["event"]), bytes(row["body"])) for row in rows]

    async def before(
        self, turn: str, seq: int | None = None, *, event: str, limit: int = 500
    ) -> list[tuple[int, str, bytes]]:
        """The last of what was said before a number by events whose name begins so, in their order.

        None: of all there is.
        """
        mine = [_E.turn == turn, _E.event.startswith(event, autoescape=True)]
        mine += [_E.seq < seq] if seq is not None else []
        query = select(_E.seq, _E.event, _E.body).where(*mine).order_by(_E.seq.desc()).limit(limit)
        rows = await fetch_all(self.engine, query, {})
        return [(int(row["seq"]), str(row["event"]), bytes(row["body"])) for row in reversed(rows)]


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

NumberedEvent = tuple[int, str, bytes]
"""Number, event, body."""


@dataclass(slots=True, kw_only=True)
class EventWriter:
    """A ``EventSink`` that is written down, a batch at a time."""

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
    _at_hand: deque[NumberedEvent] = field(default_factory=deque[NumberedEvent])
    _sizes: deque[int] = field(default_factory=deque[int])
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    _writing: "asyncio.Task[None] | None" = None
    _closing: bool = False

    def say(self, event: str, data: Any) -> None:
        """See ``EventSink.say``. Nobody hears a turn that nobody wants to hear."""
        if not self.modes:
            return
        self._waiting.append((event, as_json(data)))
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())

    async def kept(self) -> None:
        """See ``EventSink.kept``."""
        if self._waiting or self._alone.locked():
            # Half of it must not get lost with a task that is cancelled meanwhile.
            await asyncio.shield(self._flush())

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

    async def _write(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER_S)
            await self.kept()
        self._writing = None

    async def _flush(self) -> None:
        """Write a batch. A stream is worth no failed run: what the database does not take now is tried once more."""
        async with self._alone:
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
                # At its end there is no later: what is not written then is lost to listeners, and not to the run.
                self._waiting = [] if self._closing else batch + self._waiting
                await asyncio.sleep(AGAIN_S)
            self.signals.heard(f"turn:{self.turn.id}")

    def behind(self, seq: int) -> list[NumberedEvent] | None:
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


@dataclass(slots=True, kw_only=True, weakref_slot=True)
class EventReader:
    """An ``EventStream`` that reads what was written down."""

    turn: Turn
    events: TurnEvents
    turns: Turns
    signals: Signals
    writer: EventWriter | None = None
    """Where this process performs the turn itself."""
    tail_s: float = TAIL_S

    @property
    def result(self) -> Mapping[str, Any] | None:
        """See ``EventStream.result``."""
        return self.writer.result if self.writer else None

    @property
    def born_ms(self) -> int:
        """What its ids begin with, in every process."""
        return int(self.turn.created_at.timestamp() * 1_000)

    async def listen(self, after: str | None = None) -> AsyncGenerator[bytes]:
        """See ``EventStream.listen``."""
        born, _, number = (after or "").partition("-")
        known = born == str(self.born_ms) and number.isdecimal() and len(number) < MOST_DIGITS
        async with aclosing(self.numbered(int(number) if known else 0)) as events:
            async for each in events:
                if each is None:
                    yield HEARTBEAT
                else:
                    seq, event, body = each
                    yield frame(event, body, f"{self.born_ms}-{seq}")

    async def numbered(self, after: int = 0) -> AsyncGenerator[NumberedEvent | None]:
        """See ``EventStream.numbered``."""
        at, silent, over_for = after, 0.0, 0.0
        with self.signals.on(f"turn:{self.turn.id}") as news:
            while True:
                news.clear()
                for seq, event, body in await self._page(at):
                    if event == END:
                        return
                    at, silent = seq, 0.0
                    yield seq, event, body
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
                    yield None

    async def _page(self, at: int) -> list[NumberedEvent]:
        if self.writer is not None and (at_hand := self.writer.behind(at)) is not None:
            return at_hand
        try:
            return await self.events.after(self.turn.id, at)
        except Transient:  # the database is away for a moment: whoever hears this goes on hearing it
            return []

    async def _may_go_on(self) -> bool:
        if self.writer is not None and not self.writer.over.is_set():
            return True
        try:
            return await self.turns.is_open(self.turn.id)
        except Transient:
            return True
