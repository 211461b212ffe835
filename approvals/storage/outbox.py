"""Outbox: letters that wait to be sent, about approvals, runs and plans, written with the change that they tell of.

    waiting → sent | dead

A letter is a row of the transaction that changed a ballot or ended a turn, so a killed process loses none. It is sent
at least once, under the same message id each time, and is kept as dead when no receiver takes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol
from uuid import uuid4

from pydantic import Field, TypeAdapter
from sqlalchemy import and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from approvals.contract import Clock
from approvals.errors import refusal
from approvals.events import Notification, PlanNotice
from approvals.storage.tables import outbox
from database import reading, writing
from domain import value

State = Literal["waiting", "sent", "dead"]
LEASE = timedelta(minutes=2)
"""How long a sender has before another one may try the same letter."""


@value
class RunNotice:
    """What the web hook of a run tells: that a turn of it ended or paused."""

    topic: str
    """``run.success``, ``run.interrupted``, ``run.error``."""
    run: str
    turn: str


@value
class OutboxItem:
    """A letter on its way to one receiver. ``id`` is the message id on every attempt."""

    id: str
    org: str
    kind: Literal["approval", "run", "plan"] = "approval"
    endpoint: str
    """The receiver's name in the configuration; empty for the address that a run's client named."""
    url: str = ""
    letter: Notification | RunNotice | PlanNotice
    body: bytes = Field(default=b"", repr=False, exclude=True)
    """What to post about a run, as it was when its turn ended; letters about approvals are rendered when they are
    sent, because the link in them depends on when that is. Lists leave it out."""
    state: State
    attempts: int
    due_at: datetime
    """When it is tried next; for a letter that was taken, when its lease ends."""
    created_at: datetime
    sent_at: datetime | None = None
    error: str = ""


class Outbox(Protocol):
    """Lends letters to senders."""

    async def take(self, limit: int) -> Sequence[OutboxItem]:
        """Letters that are due, oldest first, lent for ``LEASE``: no other sender gets them meanwhile."""
        ...

    async def sent(self, item: OutboxItem) -> None: ...

    async def again(self, item: OutboxItem, *, at: datetime, error: str) -> None:
        """It failed; try at that time."""
        ...

    async def bury(self, item: OutboxItem, *, error: str) -> None:
        """It failed for good; a person may ``replay`` it."""
        ...


_LETTER: TypeAdapter[Notification | RunNotice | PlanNotice] = TypeAdapter(Notification | RunNotice | PlanNotice)
_ITEM = TypeAdapter(OutboxItem)
_KINDS = {Notification: "approval", RunNotice: "run", PlanNotice: "plan"}
_LISTED = [column for column in outbox.c if column.key not in {"seq", "run", "body"}]


async def post(
    conn: AsyncConnection,
    letter: Notification | RunNotice | PlanNotice,
    *,
    org: str,
    at: datetime,
    endpoint: str = "",
    url: str = "",
    body: bytes | None = None,
) -> str:
    """Write a letter inside the caller's transaction, to be sent at once; return its message id.

    To a configured ``endpoint``, or to a ``url`` with a ``body`` that stays as it is.
    """
    id_ = f"msg_{uuid4().hex}"
    row = {
        "id": id_,
        "org": org,
        "kind": _KINDS[type(letter)],
        "run": "" if isinstance(letter, PlanNotice) else letter.run,
        "endpoint": endpoint,
        "url": url,
        "letter": _LETTER.dump_python(letter, mode="json"),
        "body": body,
        "state": "waiting",
        "attempts": 0,
        "due_at": at,
        "created_at": at,
        "error": "",
    }
    await conn.execute(insert(outbox).values(**row))
    return id_


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutbox:
    """The table that ``post`` writes to."""

    engine: AsyncEngine
    clock: Clock

    async def take(self, limit: int) -> Sequence[OutboxItem]:
        now = self.clock()
        due = and_(outbox.c.state == "waiting", outbox.c.due_at <= now)
        async with reading(self.engine) as conn:  # most rounds have nothing to send, and lock nothing
            if (await conn.execute(select(outbox.c.seq).where(due).limit(1))).first() is None:
                return ()
        query = select(*_LISTED, outbox.c.body).where(due).order_by(outbox.c.seq).limit(limit)
        async with writing(self.engine) as conn:
            items = [_item(row) for row in (await conn.execute(query.with_for_update(skip_locked=True))).mappings()]
            ids = [item.id for item in items]
            await conn.execute(update(outbox).where(outbox.c.id.in_(ids)).values(due_at=now + LEASE))
        return [replace(item, due_at=now + LEASE) for item in items]

    async def sent(self, item: OutboxItem) -> None:
        await self._set(item, state="sent", sent_at=self.clock(), error="")

    async def again(self, item: OutboxItem, *, at: datetime, error: str) -> None:
        await self._set(item, due_at=at, error=error[:1_000])

    async def bury(self, item: OutboxItem, *, error: str) -> None:
        await self._set(item, state="dead", error=error[:1_000])

    async def _set(self, item: OutboxItem, **values: Any) -> None:
        """Write how an attempt went, unless the lease ran out and another sender has the letter now."""
        mine = and_(outbox.c.id == item.id, outbox.c.state == "waiting", outbox.c.due_at == item.due_at)
        async with writing(self.engine) as conn:
            await conn.execute(update(outbox).where(mine).values(attempts=item.attempts + 1, **values))

    async def list(self, org: str, *, state: State | None = None, limit: int = 50) -> Sequence[OutboxItem]:
        """Newest first."""
        where = and_(outbox.c.org == org, outbox.c.state == state) if state else outbox.c.org == org
        async with reading(self.engine) as conn:
            rows = await conn.execute(select(*_LISTED).where(where).order_by(outbox.c.seq.desc()).limit(limit))
            return [_item(row) for row in rows.mappings()]

    async def replay(self, id: str, org: str) -> OutboxItem:  # noqa: A002 - it is the id
        """Send a dead letter again, from the first attempt, under the same message id.

        Raises ``letter_missing`` when this organisation has no such dead letter.
        """
        dead = and_(outbox.c.id == id, outbox.c.org == org, outbox.c.state == "dead")
        async with writing(self.engine) as conn:
            values = {"state": "waiting", "attempts": 0, "due_at": self.clock(), "error": ""}
            if (await conn.execute(update(outbox).where(dead).values(**values))).rowcount != 1:
                raise refusal("letter_missing", f"There is no dead letter {id}.")
            return _item((await conn.execute(select(*_LISTED).where(outbox.c.id == id))).mappings().one())


def _item(row: Any) -> OutboxItem:
    return _ITEM.validate_python({**row, "body": row.get("body") or b""})
