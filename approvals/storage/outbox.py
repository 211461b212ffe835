"""Outbox of notifications: written with the ballot, sent at least once, kept when nobody takes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from pydantic import TypeAdapter
from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals.contract import Clock
from approvals.errors import refusal
from approvals.events import Notification
from approvals.storage.tables import outbox
from database import reading, writing
from domain import value

State = Literal["waiting", "sent", "dead"]
LEASE = timedelta(minutes=2)
"""How long a courier has before another one may try the same parcel."""


@value
class OutboxItem:
    """A letter on its way to one endpoint. ``id`` is the message id on every attempt."""

    id: str
    org: str
    endpoint: str
    letter: Notification
    state: State
    attempts: int
    due_at: datetime
    created_at: datetime
    sent_at: datetime | None = None
    error: str = ""


class Outbox(Protocol):
    """Lends parcels to couriers."""

    async def take(self, limit: int) -> Sequence[OutboxItem]:
        """Parcels that are due, lent for ``LEASE``: nobody else gets them meanwhile."""
        ...

    async def sent(self, parcel: OutboxItem) -> None: ...

    async def again(self, parcel: OutboxItem, *, at: datetime, error: str) -> None:
        """It failed; try at that time."""
        ...

    async def bury(self, parcel: OutboxItem, *, error: str) -> None:
        """It failed for good; a person may ``replay`` it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutbox:
    """The table that ``StoredBallots`` writes to."""

    engine: AsyncEngine
    clock: Clock

    async def take(self, limit: int) -> Sequence[OutboxItem]:
        now = self.clock()
        due = and_(outbox.c.state == "waiting", outbox.c.due_at <= now)
        query = select(outbox).where(due).order_by(outbox.c.seq).limit(limit).with_for_update(skip_locked=True)
        async with writing(self.engine) as conn:
            found = [_parcel(row) for row in (await conn.execute(query)).mappings()]
            ids = [parcel.id for parcel in found]
            await conn.execute(update(outbox).where(outbox.c.id.in_(ids)).values(due_at=now + LEASE))
        return found

    async def sent(self, parcel: OutboxItem) -> None:
        await self._set(parcel, state="sent", sent_at=self.clock(), attempts=parcel.attempts + 1, error="")

    async def again(self, parcel: OutboxItem, *, at: datetime, error: str) -> None:
        await self._set(parcel, due_at=at, attempts=parcel.attempts + 1, error=error[:1_000])

    async def bury(self, parcel: OutboxItem, *, error: str) -> None:
        await self._set(parcel, state="dead", attempts=parcel.attempts + 1, error=error[:1_000])

    async def _set(self, parcel: OutboxItem, **values: Any) -> None:
        async with writing(self.engine) as conn:
            mine = and_(outbox.c.id == parcel.id, outbox.c.state == "waiting")
            await conn.execute(update(outbox).where(mine).values(**values))

    async def list(self, org: str, *, state: State | None = None, limit: int = 50) -> Sequence[OutboxItem]:
        """Newest first."""
        where = and_(outbox.c.org == org, outbox.c.state == state) if state else outbox.c.org == org
        async with reading(self.engine) as conn:
            rows = await conn.execute(select(outbox).where(where).order_by(outbox.c.seq.desc()).limit(limit))
            return [_parcel(row) for row in rows.mappings()]

    async def replay(self, id: str, org: str) -> OutboxItem:  # noqa: A002 - it is the id
        """Send a dead letter again, from the first attempt, under the same message id.

        Raises ``letter_missing`` when this organisation has no such dead letter.
        """
        dead = and_(outbox.c.id == id, outbox.c.org == org, outbox.c.state == "dead")
        async with writing(self.engine) as conn:
            values = {"state": "waiting", "attempts": 0, "due_at": self.clock(), "error": ""}
            if (await conn.execute(update(outbox).where(dead).values(**values))).rowcount != 1:
                raise refusal("letter_missing", f"There is no dead letter {id}.")
            return _parcel((await conn.execute(select(outbox).where(outbox.c.id == id))).mappings().one())


_PARCEL = TypeAdapter(OutboxItem)


def _parcel(row: Any) -> OutboxItem:
    return _PARCEL.validate_python({key: part for key, part in row.items() if key != "seq"})
