"""Inbox of forge events: what a hook let in, one row each, until it is done and answered.

    waiting → working → done

A row is written before the forge is told that its event was taken, so a killed process loses none; what it starts has
the row's id as its idempotency key, so none happens twice. What it asks is written down before it is asked: whoever
takes it up after a crash asks the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from pydantic import Field
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    and_,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from database import UtcDateTime, reading, writing
from domain import value
from service.tables import METADATA

EventState = Literal["waiting", "working", "done"]
AT_ONCE: Final = 20
"""Rows that one round looks at."""
GIVEN_UP_AFTER: Final = timedelta(days=30)

FORGE_EVENTS = Table(
    "forge_events",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("hook", String(100), nullable=False),
    Column("org", String(200), nullable=False, index=True),
    Column("kind", String(20), nullable=False),
    Column("place", String(400), nullable=False, index=True),
    Column("body_digest", String(64), nullable=False),
    Column("event", Text, nullable=False),
    Column("subject", String(200), nullable=False),
    Column("outside", Boolean, nullable=False),
    Column("state", String(10), nullable=False),
    Column("leader", String(64), nullable=True),
    Column("asked", JSON(none_as_null=True), nullable=True),
    Column("thread", String(64), nullable=True, index=True),
    Column("turn", String(64), nullable=True),
    Column("shown", String(64), nullable=False),
    Column("code", String(100), nullable=True),
    Column("error", Text, nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("due_at", UtcDateTime, nullable=False, index=True),
    Column("received_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime, nullable=True),
)
_E = FORGE_EVENTS.c
_COLUMNS = tuple(column.key for column in _E)


@value
class ReceivedEvent:
    """One row."""

    id: str
    hook: str
    org: str
    kind: str
    place: str
    """Forge, repository, kind and number: what belongs together."""
    body_digest: str
    event: str = Field(repr=False)
    """JSON of ``forges.inbound``."""
    subject: str
    """The member in whose name it is done."""
    outside: bool
    state: EventState = "waiting"
    leader: str | None = None
    """The event that it is asked together with: comments of one review are one request."""
    asked: dict[str, Any] | None = None
    """The body of the run; None: it is not known yet."""
    thread: str | None = None
    turn: str | None = None
    shown: str = ""
    """Digest of what its answer says now."""
    code: str | None = None
    error: str | None = None
    attempts: int = 0
    due_at: datetime
    received_at: datetime
    ended_at: datetime | None = None
    """When the pull request of its thread was closed: what is asked later begins anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgeEvents:
    """The rows, in any database SQLAlchemy speaks to."""

    engine: AsyncEngine
    clock: Callable[[], datetime]

    async def add(self, event: ReceivedEvent) -> ReceivedEvent:
        """Write a new one; the one that is there, where the same message came before."""
        try:
            async with writing(self.engine) as conn:
                await conn.execute(insert(FORGE_EVENTS).values(**{name: getattr(event, name) for name in _COLUMNS}))
        except IntegrityError:
            # The primary key decides which of two copies at once is the first.
            return await self.get(event.id)
        return event

    async def get(self, id_: str) -> ReceivedEvent:
        async with reading(self.engine) as conn:
            return _event((await conn.execute(select(FORGE_EVENTS).where(_E.id == id_))).mappings().one())

    async def due(self) -> Sequence[ReceivedEvent]:
        """What is to be done or answered now, what waits longest first. Who is led by another one waits for it."""
        open_ = and_(_E.state != "done", _E.due_at <= self.clock(), (_E.leader.is_(None)) | (_E.state == "working"))
        query = select(FORGE_EVENTS).where(open_).order_by(_E.due_at, _E.received_at, _E.id).limit(AT_ONCE)
        async with reading(self.engine) as conn:
            return [_event(row) for row in (await conn.execute(query)).mappings()]

    async def beside(self, event: ReceivedEvent) -> Sequence[ReceivedEvent]:
        """Others of its kind by the same member at the same place that wait, too: what can be asked together."""
        alike = and_(
            _E.org == event.org,
            _E.place == event.place,
            _E.kind == event.kind,
            _E.subject == event.subject,
            _E.state == "waiting",
            _E.leader.is_(None),
            _E.asked.is_(None),
            _E.turn.is_(None),
            _E.id != event.id,
        )
        query = select(FORGE_EVENTS).where(alike).order_by(_E.received_at, _E.id).limit(AT_ONCE)
        async with reading(self.engine) as conn:
            return [_event(row) for row in (await conn.execute(query)).mappings()]

    async def plan(self, event: ReceivedEvent, asked: dict[str, Any], thread: str, led: Sequence[str]) -> ReceivedEvent:
        """Write down what will be asked, where, and with which others, before it is.

        Returns the row: of two at once the first one's plan stands, and both ask the same.
        """
        mine = and_(_E.id == event.id, _E.asked.is_(None), _E.leader.is_(None))
        async with writing(self.engine) as conn:
            planned = await conn.execute(update(FORGE_EVENTS).where(mine).values(asked=asked, thread=thread))
            if planned.rowcount and led:
                free = and_(_E.id.in_(led), _E.asked.is_(None), _E.leader.is_(None), _E.state == "waiting")
                await conn.execute(update(FORGE_EVENTS).where(free).values(leader=event.id, thread=thread))
        return await self.get(event.id)

    async def begun(self, event: ReceivedEvent, turn: str) -> None:
        """It is asked: the turn works on it and on those that it leads."""
        mine = and_(_E.id == event.id, _E.state == "waiting") | and_(_E.leader == event.id, _E.state == "waiting")
        async with writing(self.engine) as conn:
            await conn.execute(
                update(FORGE_EVENTS).where(mine).values(state="working", turn=turn, attempts=0, due_at=self.clock())
            )

    async def shown(self, event: ReceivedEvent, digest: str, *, again_at: datetime | None) -> None:
        """Its answer says this now; ``again_at`` None: that was the last of it."""
        values: dict[str, Any] = {"shown": digest, "attempts": 0}
        values |= {"state": "done"} if again_at is None else {"due_at": again_at}
        await self._set(event.id, values)

    async def refused(self, event: ReceivedEvent, code: str, error: str) -> None:
        """Nothing comes of it, nor of those that it leads; the answer is still to be written.

        What another worker has begun meanwhile stands.
        """
        mine = (_E.id == event.id) | (_E.leader == event.id)
        values = {"state": "working", "code": code[:100], "error": error[:2_000], "due_at": self.clock()}
        async with writing(self.engine) as conn:
            await conn.execute(update(FORGE_EVENTS).where(mine, _E.state == "waiting").values(**values))

    async def done(self, event: ReceivedEvent, *, code: str | None = None, error: str | None = None) -> None:
        """Nothing is left to do for it, nor for those that it leads and that were not asked."""
        values: dict[str, Any] = {"state": "done"}
        values |= {"code": code[:100], "error": (error or "")[:2_000]} if code else {}
        mine = (_E.id == event.id) | and_(_E.leader == event.id, _E.state == "waiting")
        async with writing(self.engine) as conn:
            await conn.execute(update(FORGE_EVENTS).where(mine).values(**values))

    async def later(self, event: ReceivedEvent, at: datetime, *, failed: bool = False) -> None:
        """Look again then; ``failed``: because something outside did not answer."""
        await self._set(event.id, {"due_at": at, "attempts": event.attempts + failed})

    async def thread_of(self, event: ReceivedEvent) -> str | None:
        """The thread that works on this place: the newest one whose pull request nobody closed."""
        query = (
            select(_E.thread)
            .where(_E.org == event.org, _E.place == event.place, _E.thread.is_not(None), _E.ended_at.is_(None))
            .where(_E.code.is_(None), _E.id != event.id)
            .order_by(_E.received_at.desc(), _E.id)
            .limit(1)
        )
        async with reading(self.engine) as conn:
            return (await conn.execute(query)).scalar_one_or_none()

    async def end(self, thread: str, org: str) -> None:
        """The pull request of a thread was closed: it takes no more requests."""
        mine = and_(_E.thread == thread, _E.org == org, _E.ended_at.is_(None))
        async with writing(self.engine) as conn:
            await conn.execute(update(FORGE_EVENTS).where(mine).values(ended_at=self.clock()))

    async def count(self, thread: str, kind: str) -> int:
        """How many events of a kind were asked on a thread."""
        query = select(func.count()).select_from(FORGE_EVENTS).where(_E.thread == thread, _E.kind == kind)
        async with reading(self.engine) as conn:
            return (await conn.execute(query)).scalar_one()

    async def _set(self, id_: str, values: dict[str, Any]) -> None:
        async with writing(self.engine) as conn:
            await conn.execute(update(FORGE_EVENTS).where(_E.id == id_).values(**values))


def _event(row: RowMapping) -> ReceivedEvent:
    return ReceivedEvent(**{name: row[name] for name in _COLUMNS})
