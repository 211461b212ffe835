"""Rows of turns, which LangGraph's API calls runs. One turn takes a thread to its next pause or its end.

    pending → running → success | error | interrupted

``interrupted`` is a turn that a person has to go on from: a ballot is open, a budget is spent, or somebody
stopped it. It is never called a success.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import (
    JSON,
    Column,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from database import CHANNEL, UtcDateTime, fetch_all, reading, tell, write_one, writing
from domain import value
from service.errors import refuse
from service.runs.runs import RUNS
from service.runs.threads import THREADS
from service.tables import METADATA

TurnStatus = Literal["pending", "running", "success", "error", "interrupted", "timeout"]
Strategy = Literal["reject", "enqueue", "interrupt", "rollback"]
RowWrites = Sequence[Callable[[AsyncConnection], Awaitable[object]]]
"""What is written in one transaction with a row."""
OPEN: tuple[TurnStatus, ...] = ("pending", "running")
MOST_OF_AN_ERROR = 20_000
"""Characters of a message that a row keeps."""

TURNS = Table(
    "turns",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("thread", String(64), nullable=False, index=True),
    Column("org", String(200), nullable=False),
    Column("assistant", String(64), nullable=False),
    Column("status", String(20), nullable=False, index=True),
    Column("asked", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("strategy", String(20), nullable=False),
    Column("webhook", Text, nullable=True),
    Column("once", String(300), nullable=True),
    Column("before", String(64), nullable=True),
    Column("error_code", String(200), nullable=True),
    Column("error", Text, nullable=True),
    Column("cancel_reason", String(40), nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    UniqueConstraint("org", "once", name="turns_once"),
)
COLUMNS = tuple(column.key for column in TURNS.c if column.key != "seq")


@value
class Turn:
    """One row."""

    id: str
    thread: str
    org: str
    assistant: str
    status: TurnStatus = "pending"
    asked: dict[str, Any] = Field(default_factory=dict)
    """What the client sent that matters later: modes, wish, checkpoint, who asked."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    strategy: Strategy = "enqueue"
    webhook: str | None = None
    once: str | None = None
    """Idempotency key and a digest of the request."""
    before: str | None = None
    """The checkpoint the thread stood at; a rollback returns there. Empty: it had none."""
    error_code: str | None = None
    error: str | None = None
    cancel_reason: str | None = None
    attempts: int = 0
    created_at: datetime
    updated_at: datetime

    @property
    def open(self) -> bool:
        """Whether it still waits or works."""
        return self.status in OPEN

    def due_in(self, now: datetime) -> float:
        """Seconds until it may begin."""
        return max(0.0, float(self.asked.get("after", 0)) - (now - self.created_at).total_seconds())


def turn_of(row: RowMapping) -> Turn:
    """The turn of a row."""
    return Turn(**{name: row[name] for name in COLUMNS})


_T = TURNS.c
# Statements of every turn are made once: putting one together costs more than executing it.
_ADD = insert(TURNS)
_GET = select(TURNS).where(_T.id == bindparam("turn"), _T.org == bindparam("of"))
_BEGIN = (
    update(TURNS)
    .where(_T.id == bindparam("turn"), _T.status.in_(OPEN))
    .values(status="running", attempts=bindparam("attempt"), before=bindparam("stood_at"), updated_at=bindparam("now"))
)
_FINISH = (
    update(TURNS)
    .where(_T.id == bindparam("turn"), _T.status.in_(OPEN))
    .values(
        status=bindparam("ended"), error_code=bindparam("code"), error=bindparam("message"), updated_at=bindparam("now")
    )
)
_LEAVE = (
    update(THREADS)
    .where(THREADS.c.id == bindparam("whose"))
    .values(status=bindparam("left"), updated_at=bindparam("now"))
)
# The same in one statement, where a thread's row goes with it.
_BEGUN = _BEGIN.returning(_T.id).cte("begun")
_BUSY = (
    update(THREADS)
    .where(THREADS.c.id == bindparam("busy"), select(_BEGUN.c.id).exists())
    .values(status="busy", updated_at=bindparam("now"))
    .returning(THREADS.c.id)
    .cte("busy_thread")
)
_BEGIN_BUSY = select(_BEGUN.c.id).add_cte(_BUSY)
# The same three in one statement, where no letter goes with them.
_FINISHED = _FINISH.returning(_T.id).cte("finished")
_LEFT = _LEAVE.where(select(_FINISHED.c.id).exists()).returning(THREADS.c.id).cte("left_thread")
_FINISH_AND_TELL = select(func.pg_notify(CHANNEL, bindparam("word", type_=Text))).select_from(_FINISHED).add_cte(_LEFT)
_STANDS = select(_T.status, _T.cancel_reason).where(_T.id == bindparam("turn"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Turns:
    """Turns in any database SQLAlchemy speaks to."""

    engine: AsyncEngine

    async def add(self, turn: Turn, *, along: RowWrites = ()) -> Turn:
        """Write a new row, and what ``along`` writes with it; the same idempotency key gives the row it made first.

        Raises:
            Refused: ``idempotency_reused`` when the key came with another request.
        """
        row = {name: getattr(turn, name) for name in COLUMNS}
        try:
            async with writing(self.engine) as conn:
                await conn.execute(_ADD, row)
                for write in along:
                    await write(conn)
                await tell(conn, f"thread:{turn.thread}")
        except IntegrityError:
            if turn.once is None:
                raise
            return await self.once(turn.org, turn.once) or turn
        return turn

    async def once(self, org: str, key: str) -> Turn | None:
        """The turn that was made with this idempotency key. Raises ``idempotency_reused``."""
        name, _, digest = key.rpartition(":")
        async with reading(self.engine) as conn:
            query = select(TURNS).where(_T.org == org, _T.once.startswith(f"{name}:", autoescape=True))
            rows = (await conn.execute(query)).mappings().all()
        # Another key may begin with the same text and a colon.
        row = next((row for row in rows if str(row["once"]).rpartition(":")[0] == name), None)
        if row is None:
            return None
        if not str(row["once"]).endswith(f":{digest}"):
            raise refuse("idempotency_reused", "This Idempotency-Key was used for another request.")
        return turn_of(row)

    async def get(self, turn: str, org: str, *, thread: str | None = None) -> Turn:
        """The turn. Raises ``turn_not_found``, also for another organisation's or another thread's."""
        rows = await fetch_all(self.engine, _GET, {"turn": turn, "of": org})
        if not rows or thread not in {None, rows[0]["thread"]}:
            raise refuse("turn_not_found", f"There is no run {turn[:64]!r} here.")
        return turn_of(rows[0])

    async def of(
        self, thread: str, *, status: TurnStatus | None = None, limit: int = 10, offset: int = 0
    ) -> list[Turn]:
        """Newest first."""
        query = select(TURNS).where(_T.thread == thread).order_by(_T.seq.desc()).limit(limit).offset(offset)
        query = query.where(_T.status == status) if status else query
        async with reading(self.engine) as conn:
            return [turn_of(row) for row in (await conn.execute(query)).mappings()]

    async def numbered(self, thread: str, *, behind: int | None, limit: int = 100) -> list[tuple[int, Turn]]:
        """The thread's turns behind a number, oldest first, each with its own.

        None: from the first that is open; where none is, the newest.
        """
        mine = _T.thread == thread
        if behind is None:
            first_open = select(func.min(_T.seq)).where(mine, _T.status.in_(OPEN)).scalar_subquery()
            newest = select(func.max(_T.seq)).where(mine).scalar_subquery()
            later = _T.seq >= func.coalesce(first_open, newest)
        else:
            later = _T.seq > behind
        async with reading(self.engine) as conn:
            rows = (await conn.execute(select(TURNS).where(mine, later).order_by(_T.seq).limit(limit))).mappings()
            return [(int(row["seq"]), turn_of(row)) for row in rows]

    async def unfinished(self, thread: str | None = None) -> Sequence[Turn]:
        """Those that wait or work, oldest first."""
        query = select(TURNS).where(_T.status.in_(OPEN)).order_by(_T.seq)
        query = query.where(_T.thread == thread) if thread is not None else query
        async with reading(self.engine) as conn:
            return [turn_of(row) for row in (await conn.execute(query)).mappings()]

    async def update(self, turn: str, *, now: datetime, only: Sequence[TurnStatus] = OPEN, **values: Any) -> bool:
        """Change columns while the turn has one of these statuses; False when it has not."""
        change = update(TURNS).where(_T.id == turn, _T.status.in_(only)).values(updated_at=now, **values)
        return (await write_one(self.engine, change, {})).count == 1

    async def begin(
        self, turn: str, *, now: datetime, attempt: int, before: str | None, busy: str | None = None
    ) -> bool:
        """Write that it is worked on, and that its thread is ``busy``; False when it was stopped, or is over."""
        begun = {"turn": turn, "attempt": attempt, "stood_at": before, "now": now}
        if busy is None:
            return (await write_one(self.engine, _BEGIN, begun)).count == 1
        if self.engine.dialect.name != "sqlite":
            return len((await write_one(self.engine, _BEGIN_BUSY, {**begun, "busy": busy})).rows) == 1
        async with writing(self.engine) as conn:
            is_mine = (await conn.execute(_BEGIN, begun)).rowcount == 1
            if is_mine:
                await conn.execute(_LEAVE, {"whose": busy, "left": "busy", "now": now})
        return is_mine

    async def finish(
        self, turn: Turn, thread: str, *, also: Callable[[AsyncConnection], Awaitable[object]] | None = None
    ) -> bool:
        """Write how a turn ended, how that leaves its thread, and what ``also`` writes: all of it or nothing.

        False when it is over already.
        """
        message, now = (turn.error or "")[:MOST_OF_AN_ERROR] or None, turn.updated_at
        ended = {"turn": turn.id, "ended": turn.status, "code": turn.error_code, "message": message, "now": now}
        if also is None and self.engine.dialect.name != "sqlite":
            leaving = {**ended, "whose": turn.thread, "left": thread, "word": f"turn:{turn.id}"}
            return len((await write_one(self.engine, _FINISH_AND_TELL, leaving)).rows) == 1
        async with writing(self.engine) as conn:
            finished = (await conn.execute(_FINISH, ended)).rowcount == 1
            if finished:
                await conn.execute(_LEAVE, {"whose": turn.thread, "left": thread, "now": now})
                if also is not None:
                    await also(conn)
                await tell(conn, f"turn:{turn.id}")
        return finished

    async def stop(self, turn: Turn, reason: str, *, now: datetime) -> bool:
        """Mark a turn as stopped, at a moment when nobody is just about to begin it; whether somebody worked on it."""
        lock = select(RUNS.c.id).where(RUNS.c.id == turn.thread).with_for_update()
        mine = update(TURNS).where(_T.id == turn.id, _T.status.in_(OPEN))
        # Who begins a turn locks the run's row first, too (``Runs.claim``): of the two one sees what the other wrote.
        async with writing(self.engine) as conn:
            await conn.execute(lock)
            before = (await conn.execute(select(_T.status).where(_T.id == turn.id))).scalar()
            await conn.execute(mine.values(status="interrupted", cancel_reason=reason, updated_at=now))
            await tell(conn, f"turn:{turn.id}")
            await tell(conn, f"stop:{turn.id}")
        return before == "running"

    async def is_open(self, turn: str) -> bool:
        """Whether it still waits or works; False also when it was forgotten."""
        rows = await fetch_all(self.engine, _STANDS, {"turn": turn})
        return bool(rows) and rows[0]["status"] in OPEN

    async def was_stopped(self, turn: str) -> bool:
        """Whether somebody stopped or forgot it. One that waits for a person ended by itself."""
        rows = await fetch_all(self.engine, _STANDS, {"turn": turn})
        return not rows or rows[0]["cancel_reason"] is not None

    async def delete(self, turn: str) -> None:
        """Forget a turn."""
        await write_one(self.engine, delete(TURNS).where(_T.id == turn), {})

    async def delete_of(self, assistant: str, org: str) -> None:
        """Forget the ended turns of an assistant."""
        ended = delete(TURNS).where(_T.assistant == assistant, _T.org == org, _T.status.not_in(OPEN))
        await write_one(self.engine, ended, {})
