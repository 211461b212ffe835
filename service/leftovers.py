"""What the queue does not find by itself: jobs that nobody does, and turns that have none."""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import writing
from service.queue import QUEUE

LEASES = 3
"""After how many leases a job counts as abandoned: a busy machine may take a while to write how one ended."""
FORGOTTEN = text(
    "SELECT id FROM turns WHERE status IN ('pending', 'running') AND updated_at < :before AND NOT EXISTS ("
    "SELECT 1 FROM procrastinate_jobs AS jobs WHERE jobs.status IN ('todo', 'doing') AND jobs.args->>'turn' = turns.id"
    ") ORDER BY seq LIMIT 500"
).bindparams(bindparam("before"))
"""Turns without a job: whoever wrote the row died before it could put the job in."""
ABANDONED = text(
    "DELETE FROM procrastinate_jobs AS jobs WHERE jobs.queue_name = :queue AND jobs.status = 'doing' AND NOT EXISTS ("
    "SELECT 1 FROM procrastinate_events AS events WHERE events.job_id = jobs.id AND events.at > :long_before"
    ") AND NOT EXISTS ("
    "SELECT 1 FROM turns WHERE turns.id = jobs.args->>'turn' AND turns.updated_at > :long_before"
    ") AND NOT EXISTS ("
    "SELECT 1 FROM runs WHERE runs.id = jobs.lock AND runs.owner IS NOT NULL AND runs.lease_until > :long_before"
    ") RETURNING jobs.args->>'turn'"
).bindparams(bindparam("long_before"), queue=QUEUE)
"""Jobs that nobody does although their worker lives: the database went away while it wrote how one ended.

The queue itself gives a job to others only when its worker is dead, so this one would hold its thread for good.
"""


async def left_over(engine: AsyncEngine, now: datetime, lease: timedelta) -> set[str]:
    """Turns to put in again. Jobs that nobody has done anything about for some leases are gone afterwards."""
    async with writing(engine) as conn:
        abandoned = [str(row[0]) for row in await conn.execute(ABANDONED, {"long_before": now - LEASES * lease})]
        forgotten = {str(row[0]) for row in await conn.execute(FORGOTTEN, {"before": now - lease})}
    if abandoned:
        structlog.get_logger("signoff.queue").warning("jobs that nobody did", turns=abandoned)
    return forgotten
