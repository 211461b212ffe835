"""How often somebody came in the last minute: counted in this process, or in the database for all of them."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import BigInteger, Column, Integer, String, Table, delete, text
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import alone, writing
from service.runs import METADATA

RATES = Table(
    "rates",
    METADATA,
    Column("name", String(400), primary_key=True),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("hits", Integer, nullable=False),
)
_R = RATES.c
MINUTE_S = 60


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
            self.hits = {name: hits for name, hits in self.hits.items() if hits and hits[-1] > now - MINUTE_S}
        hits = self.hits.setdefault(name, deque())
        while hits and hits[0] <= now - MINUTE_S:
            hits.popleft()
        if len(hits) >= limit:
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
        async with alone(self.engine) as conn:
            counted = (await conn.execute(_COUNTS[conn.dialect.name], asked)).first()
        return None if counted else MINUTE_S - passed

    async def drop(self) -> None:
        """Forget what no window reaches any more."""
        async with writing(self.engine) as conn:
            await conn.execute(delete(RATES).where(_R.minute < int(self.clock() // MINUTE_S) - 2))
