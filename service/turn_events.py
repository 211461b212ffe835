"""Rows of what a turn said: its stream, for whoever hears it in another process or after a restart."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import (
    Column,
    DateTime,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from approvals import reading, writing
from service.runs import METADATA
from service.signals import tell
from service.turns import TURNS

END = "\n"
"""The event behind which nothing comes any more."""
MOST = 20_000
"""Events of one turn that are kept; older ones go."""
EVENTS = Table(
    "turn_events",
    METADATA,
    Column("turn", String(64), primary_key=True),
    Column("seq", Integer, primary_key=True, autoincrement=False),
    Column("event", String(300), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("said_at", DateTime(timezone=True), nullable=False, index=True),
)
_E = EVENTS.c
# Statements of every step are made once: putting one together costs more than executing it.
_LOCK = select(TURNS.c.attempts).where(TURNS.c.id == bindparam("of")).with_for_update()
_LAST = select(func.max(_E.seq)).where(_E.turn == bindparam("of"))
_ADD = insert(EVENTS)
_PAGE = (
    select(_E.seq, _E.event, _E.body)
    .where(_E.turn == bindparam("of"), _E.seq > bindparam("behind"))
    .order_by(_E.seq)
    .limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnEvents:
    """Append and read, in the order in which it was said."""

    engine: AsyncEngine

    async def append(
        self, turn: str, said: Sequence[tuple[str, bytes]], *, at: datetime, attempt: int | None = None
    ) -> int | None:
        """Write behind what is there; the number of the last one, or None when another attempt has begun since."""
        async with writing(self.engine) as conn:
            if not await self._mine(conn, turn, attempt):
                return None
            last = (await conn.execute(_LAST, {"of": turn})).scalar() or 0
            rows = [{"turn": turn, "seq": last + n, "event": event, "body": body, "said_at": at}
                    for n, (event, body) in enumerate(said, 1)]  # fmt: skip
            await conn.execute(_ADD, rows)
            if last + len(said) > MOST:
                await conn.execute(delete(EVENTS).where(_E.turn == turn, _E.seq <= last + len(said) - MOST))
            await tell(conn, f"turn:{turn}")
        return last + len(said)

    async def forget(self, turn: str, *, upto: int) -> None:
        """Delete the oldest events of a turn, up to a number."""
        async with writing(self.engine) as conn:
            await conn.execute(delete(EVENTS).where(_E.turn == turn, _E.seq <= upto))

    async def _mine(self, conn: AsyncConnection, turn: str, attempt: int | None) -> bool:
        """Lock the turn's row, so that two writers follow each other."""
        now = (await conn.execute(_LOCK, {"of": turn})).scalar()
        return now is not None and attempt in {None, now}

    async def after(self, turn: str, seq: int, *, limit: int = 500) -> list[tuple[int, str, bytes]]:
        """(number, event, body) of what was said behind a number."""
        wanted = {"of": turn, "behind": seq, "most": limit}
        async with reading(self.engine) as conn:
            return [(int(row[0]), str(row[1]), bytes(row[2])) for row in await conn.execute(_PAGE, wanted)]

    async def drop(self, before: datetime) -> int:
        """Forget what was said before then."""
        async with writing(self.engine) as conn:
            return (await conn.execute(delete(EVENTS).where(_E.said_at < before))).rowcount
