"""Webhooks of runs: told when a turn ends and when it pauses; signed, sent again, dead after a day or so."""

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import httpx
from sqlalchemy import Column, DateTime, Integer, LargeBinary, RowMapping, String, Table, Text, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals.channels import SsrfGuard, due_again, signed_headers
from database import reading, writing
from domain import Refused, Transient
from service.runs.turns import Turn
from service.tables import METADATA

LEASE = timedelta(minutes=1)
LETTERS = Table(
    "run_letters",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("org", String(200), nullable=False),
    Column("turn", String(64), nullable=False),
    Column("url", Text, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("state", String(10), nullable=False, index=True),
    Column("attempts", Integer, nullable=False),
    Column("due_at", DateTime(timezone=True), nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("error", Text, nullable=False),
)
_L = LETTERS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class RunWebhooks:
    """Queues and sends. Any number of processes may work on one queue."""

    engine: AsyncEngine
    clock: Callable[[], datetime]
    client: httpx.AsyncClient
    guard: SsrfGuard
    secret: bytes = field(repr=False)

    @property
    def shown_secret(self) -> str:
        """What a receiver verifies with (Standard Webhooks)."""
        return f"whsec_{base64.b64encode(self.secret).decode()}"

    async def tell(self, turn: Turn, values: bytes) -> None:
        """Queue a letter about a turn."""
        body = b'{"type":' + json.dumps(f"run.{turn.status}").encode() + b',"data":' + values + b"}"
        now = self.clock()
        row: dict[str, Any] = {
            "id": f"msg_{uuid4().hex}",
            "org": turn.org,
            "turn": turn.id,
            "url": turn.webhook,
            "body": body,
            "state": "waiting",
            "attempts": 0,
            "due_at": now,
            "created_at": now,
            "error": "",
        }
        async with writing(self.engine) as conn:
            await conn.execute(insert(LETTERS).values(**row))

    async def round(self, limit: int = 20) -> int:
        """Send what is due, once. Returns how many were tried."""
        letters = await self._take(limit)
        for letter in letters:
            await self._send(letter)
        return len(letters)

    async def _take(self, limit: int) -> Sequence[RowMapping]:
        now = self.clock()
        due = select(LETTERS).where(_L.state == "waiting", _L.due_at <= now).order_by(_L.due_at).limit(limit)
        async with reading(self.engine) as conn:
            if (await conn.execute(due.with_only_columns(_L.id).limit(1))).first() is None:
                return ()
        async with writing(self.engine) as conn:
            found = (await conn.execute(due.with_for_update(skip_locked=True))).mappings().all()
            ids = [row["id"] for row in found]
            await conn.execute(update(LETTERS).where(_L.id.in_(ids)).values(due_at=now + LEASE))
        return found

    async def _send(self, letter: RowMapping) -> None:
        try:
            to = await self.guard.judge(letter["url"])
            sent = signed_headers(letter["id"], (self.shown_secret,), letter["body"], self.clock())
            answer = await self.client.post(
                to.url,
                content=letter["body"],
                headers={**sent, "host": to.host_header},
                extensions={"sni_hostname": to.host},
            )
        except Refused as no:
            await self._mark(letter, state="dead", error=no.message)
            return
        except (Transient, httpx.HTTPError) as error:
            await self._again(letter, f"{type(error).__name__}: {error}")
            return
        if answer.is_success:
            await self._mark(letter, state="sent", error="")
        elif answer.is_redirect:
            await self._mark(letter, state="dead", error="redirects are not followed")
        else:
            await self._again(letter, f"answered {answer.status_code}")

    async def _again(self, letter: RowMapping, error: str) -> None:
        at = due_again(letter["attempts"] + 1, self.clock(), 0.5)
        if at is None:
            await self._mark(letter, state="dead", error=error)
        else:
            await self._mark(letter, due_at=at, error=error)

    async def _mark(self, letter: RowMapping, **values: Any) -> None:
        values["error"] = str(values["error"])[:1_000]
        async with writing(self.engine) as conn:
            mine = update(LETTERS).where(_L.id == letter["id"])
            await conn.execute(mine.values(attempts=letter["attempts"] + 1, **values))
