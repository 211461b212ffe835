"""Replay guard: message ids of web hooks that came, and links that have done their work."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import and_, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals.contract import Clock
from approvals.errors import refusal
from approvals.storage.tables import links, received
from database import reading, writing
from domain import value

REPLAYABLE_FOR = timedelta(days=400)
"""How long ids have to be kept: longer than anything that could be replayed, for a ballot lives 30 days at most."""


@value
class HookAnswer:
    """What a hook was answered: an HTTP status and a JSON body."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)


class ReplayGuard(Protocol):
    """Remembers messages and links."""

    async def seen(self, integration: str, id: str, body_digest: str) -> HookAnswer | None:  # noqa: A002
        """Note a message. Returns the answer it got before, if it was here before.

        Raises ``hook_reused`` when the same id came with other bytes.
        """
        ...

    async def answered(self, integration: str, id: str, answer: HookAnswer) -> None:  # noqa: A002
        """Keep the answer for the next time."""
        ...

    async def used(self, link: str) -> bool:
        """Whether this link was used up."""
        ...

    async def use(self, link: str) -> bool:
        """Use a link up. False when somebody was faster."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryReplayGuard:
    """In one process."""

    clock: Clock
    messages: dict[tuple[str, str], tuple[str, HookAnswer | None]] = field(
        default_factory=dict[tuple[str, str], tuple[str, HookAnswer | None]]
    )
    links: dict[str, datetime] = field(default_factory=dict[str, datetime])
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def seen(self, integration: str, id: str, body_digest: str) -> HookAnswer | None:  # noqa: A002
        async with self._lock:
            digest, answer = self.messages.setdefault((integration, id), (body_digest, None))
        return _same(digest, body_digest, answer)

    async def answered(self, integration: str, id: str, answer: HookAnswer) -> None:  # noqa: A002
        async with self._lock:
            digest, first = self.messages[integration, id]
            self.messages[integration, id] = (digest, first or answer)

    async def used(self, link: str) -> bool:
        return link in self.links

    async def use(self, link: str) -> bool:
        async with self._lock:
            fresh = link not in self.links
            self.links.setdefault(link, self.clock())
            return fresh


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredReplayGuard:
    """In the database, for every process."""

    engine: AsyncEngine
    clock: Clock

    async def seen(self, integration: str, id: str, body_digest: str) -> HookAnswer | None:  # noqa: A002
        row = {"integration": integration, "id": id, "body_digest": body_digest, "received_at": self.clock()}
        try:
            async with writing(self.engine) as conn:
                await conn.execute(insert(received).values(**row))
        except IntegrityError:
            # The primary key decides which of two copies at once is the first.
            return await self._before(integration, id, body_digest)
        return None

    async def _before(self, integration: str, id_: str, body_digest: str) -> HookAnswer | None:
        query = select(received.c.body_digest, received.c.answer).where(_message(integration, id_))
        async with reading(self.engine) as conn:
            row = (await conn.execute(query)).one()
        return _same(row.body_digest, body_digest, HookAnswer(**row.answer) if row.answer else None)

    async def answered(self, integration: str, id: str, answer: HookAnswer) -> None:  # noqa: A002
        # What a sender was told once, it is told every time.
        first = and_(_message(integration, id), received.c.answer.is_(None))
        async with writing(self.engine) as conn:
            document = {"status": answer.status, "body": answer.body}
            await conn.execute(update(received).where(first).values(answer=document))

    async def used(self, link: str) -> bool:
        async with reading(self.engine) as conn:
            return (await conn.execute(select(links.c.id).where(links.c.id == link))).first() is not None

    async def use(self, link: str) -> bool:
        try:
            async with writing(self.engine) as conn:
                await conn.execute(insert(links).values(id=link, used_at=self.clock()))
        except IntegrityError:
            return False
        return True


def _message(integration: str, id_: str) -> Any:
    return and_(received.c.integration == integration, received.c.id == id_)


def _same(known: str, now: str, answer: HookAnswer | None) -> HookAnswer | None:
    if known != now:
        raise refusal("hook_reused", "This message id was used before, for other bytes.")
    return answer
