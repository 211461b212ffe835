"""What waits for people at the moment, counted for a page of metrics."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import rows
from approvals.store import reading
from approvals.tables import ballots
from domain import Tier


async def waiting(engine: AsyncEngine, now: datetime) -> Sequence[tuple[Tier, float]]:
    """Tier and age in seconds of every open question, of all organisations; the action itself is not read."""
    query = select(ballots.c.requirement, ballots.c.created_at).where(rows.standing("pending", now))
    async with reading(engine) as conn:
        found = (await conn.execute(query)).all()
    return [(row.requirement["tier"], max(0.0, (now - row.created_at).total_seconds())) for row in found]
