"""Rate limits: one for each address, one for each caller. Over it, 429 says when to come back.

Requests of the last minute are counted in this process, or in the database for all of them.
"""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import BigInteger, Column, Integer, String, Table, text
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.elements import ColumnElement

from database import write_one
from service.errors import TooMany
from service.tables import METADATA

RATES = Table(
    "rates",
    METADATA,
    Column("name", String(400), primary_key=True),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("hits", Integer, nullable=False),
)
_R = RATES.c
MINUTE_S = 60


def outdated(now: float) -> ColumnElement[bool]:
    """SQL: the counts that no window reaches any more."""
    return _R.minute < int(now // MINUTE_S) - 2


class Rates(Protocol):
    """Counts."""

    async def hit(self, name: str, limit: int) -> float | None:
        """Count one; or count nothing and return the seconds until there is room again."""
        ...


@dataclass(slots=True, kw_only=True)
class LocalRates:
    """Of one process: a window that moves."""

    clock: Callable[[], float] = time.monotonic
    hits: dict[str, deque[float]] = field(default_factory=dict[str, deque[float]])
    """When each came in the last minute."""
    _swept_at: float = 0.0

    async def hit(self, name: str, limit: int) -> float | None:
        """See ``Rates.hit``."""
        now = self.clock()
        if now > self._swept_at + MINUTE_S:
            self._swept_at = now
            # A flood of addresses costs memory for a minute, and not for good.
            self.hits = {name: hits for name, hits in self.hits.items() if hits and hits[-1] > now - MINUTE_S}
        hits = self.hits.setdefault(name, deque())
        while hits and hits[0] <= now - MINUTE_S:
            hits.popleft()
        if len(hits) >= limit:
            # When the oldest one of the minute is a minute ago.
            return hits[0] + MINUTE_S - now if hits else MINUTE_S
        hits.append(now)
        return None


_COUNT = """
WITH earlier AS (SELECT coalesce(max(hits), 0) * CAST(:part AS float) AS hits FROM rates
                 WHERE name = :name AND minute = CAST(:minute AS bigint) - 1){hasty}
INSERT INTO rates (name, minute, hits)
SELECT :name, CAST(:minute AS bigint), 1 FROM {source} WHERE earlier.hits + 1 <= :most
ON CONFLICT (name, minute) DO UPDATE SET hits = rates.hits + 1
WHERE (SELECT hits FROM earlier) + rates.hits + 1 <= :most
RETURNING hits"""
_HASTY = ", hasty AS (SELECT set_config('synchronous_commit', 'off', true))"
# Refused requests change nothing and do not count: who keeps asking gets in when there is room.
_COUNTS = {
    "sqlite": text(_COUNT.format(hasty="", source="earlier")),
    # Worth no flush: after a power cut everybody may come again.
    "postgresql": text(_COUNT.format(hasty=_HASTY, source="earlier, hasty")),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedRates:
    """Of every process on one database: this minute, and of the last one the part that is not a minute ago."""

    engine: AsyncEngine
    clock: Callable[[], float] = time.time

    async def hit(self, name: str, limit: int) -> float | None:
        """See ``Rates.hit``."""
        minute, passed = divmod(self.clock(), MINUTE_S)
        asked = {"name": name, "minute": int(minute), "part": 1 - passed / MINUTE_S, "most": limit}
        counted = await write_one(self.engine, _COUNTS[self.engine.dialect.name], asked)
        return None if counted.rows else MINUTE_S - passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Limiter:
    """Counts the requests of the last minute."""

    per_caller: int
    per_address: int
    rates: Rates = field(default_factory=LocalRates)

    async def address(self, address: str) -> None:
        """Count a request from an address, before anybody asks who it is. Raises ``rate_limited``."""
        await self._hit(self.per_address, f"address {address}")

    async def caller(self, org: str, caller: str) -> None:
        """Count a request of a key or a person. Raises ``rate_limited``."""
        await self._hit(self.per_caller, f"caller {org} {caller}")

    async def _hit(self, limit: int, principal: str) -> None:
        wait = await self.rates.hit(principal, limit)
        if wait is not None:
            raise TooMany(
                "Too many requests in the last minute.",
                code="rate_limited",
                hint="Wait as long as Retry-After says.",
                retry_after=max(1.0, wait),
            )
