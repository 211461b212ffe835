"""What a thread is woken for, as a key: the same reason wakes it once, whoever notices it and however late."""

import hashlib
from datetime import datetime

from sqlalchemy import bindparam, or_, select
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import metadata, reading
from service.turns import Turn

RECOVERED, RESUMED = "recovered", "resumed"
"""Its worker died and nobody is left to go on with it; a client wants it to go on. Everything else: it was answered."""
_B = metadata.tables["ballots"].c
_ANSWERED = (
    select(_B.id)
    .where(_B.run == bindparam("of"), or_(_B.state != "pending", _B.expires_at <= bindparam("now")))
    .order_by(_B.id)
)


async def reason(engine: AsyncEngine, thread: str, because: str, last: Turn | None, *, now: datetime) -> str:
    """The idempotency key of the turn that goes on with a thread.

    Answers wake by which questions are answered, not by when somebody looked: a waker that comes so late that
    the turn of another one works already, or is over, has the same key; another answer has another one.
    """
    if because in {RECOVERED, RESUMED}:
        return f"\n{because} {thread} {last.id if last else ''}:wake"
    async with reading(engine) as conn:
        answered = [str(row[0]) for row in await conn.execute(_ANSWERED, {"of": thread, "now": now})]
    digest = hashlib.sha256("\n".join(answered).encode()).hexdigest()[:32]
    return f"\nanswered {thread} {digest}:wake"
