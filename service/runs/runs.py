"""Rows of runs, and the leases on them: what was asked, which process works on it, how it stands.

A row carries a lease ``(owner, generation, until)``. Who lost it can no longer write: every update names the generation
it was given, and so does every checkpoint, in LangGraph's configuration. A process also knows until when each of its
leases lasts, so one that slept through the end of a lease stops before the next command (``fenced_backend``).

An owner is named so that its death is noticed at once on the same machine (``service.processes``). Elsewhere, and where
the name says nothing, a lease simply runs out.
"""

import time
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from langchain_core.runnables import RunnableConfig
from pydantic import TypeAdapter
from sqlalchemy import (
    Column,
    Index,
    Integer,
    RowMapping,
    String,
    Table,
    Text,
    bindparam,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.elements import ColumnElement

from database import UtcDateTime, fetch_all, reading, telling, write_one, writing
from domain import Ending, Refused, Task, value
from domain.identity import split_credential
from sandbox.content import ContentUnavailable
from service.tables import METADATA

Status = Literal[
    "pending",
    "running",
    "interrupted",
    "paused",
    "paused_budget",
    "delivered",
    "nothing_to_do",
    "rejected",
    "failed",
    "cancelled",
]
"""``interrupted``: a ballot is open. ``paused_budget``: a budget is spent. ``paused``: anything else to go on from."""
FINAL: frozenset[Status] = frozenset({"delivered", "nothing_to_do", "rejected", "failed", "cancelled"})

RUNS = Table(
    "runs",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("org", String(200), nullable=False, index=True),
    Column("requester", String(200), nullable=False),
    Column("status", String(20), nullable=False, index=True),
    Column("task", Text, nullable=False),
    Column("ending", Text, nullable=True),
    Column("forked_from", String(64), nullable=True),
    Column("segment", Integer, nullable=False, default=0),
    Column("owner", String(200), nullable=True),
    Column("generation", Integer, nullable=False, default=0),
    Column("lease_until", UtcDateTime, nullable=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    # A list of the newest reads a page of rows, however many there are.
    Index("ix_runs_newest", "org", "created_at", "id"),
)

_TASK, _ENDING = TypeAdapter(Task), TypeAdapter(Ending)


@value
class Run:
    """One row."""

    id: str
    org: str
    requester: str
    status: Status
    task: Task
    ending: Ending | None = None
    forked_from: str | None = None
    segment: int = 0
    owner: str | None = None
    generation: int = 0
    lease_until: datetime | None = None
    created_at: datetime
    updated_at: datetime


def run_of(row: RowMapping) -> Run:
    """The run of a row."""
    fields: dict[str, Any] = {str(name): cell for name, cell in row.items()}
    task = _TASK.validate_json(fields["task"])
    # Older rows may have a password in the address; it is for nobody to see, and git finds one where it fetches.
    address = split_credential(task.repo)[0]
    fields["task"] = task if address == task.repo else replace(task, repo=address)
    fields["ending"] = _ENDING.validate_json(fields["ending"]) if fields["ending"] else None
    return Run(**fields)


def shown(values: Mapping[str, Any]) -> dict[str, Any]:
    """A state as it is shown: the runs of older versions may have a password in their address."""
    cleaned = dict(values)
    for name in ("task", "pinned"):
        entry: Any = cleaned.get(name)
        if entry is not None and (address := split_credential(entry.repo)[0]) != entry.repo:
            cleaned[name] = replace(entry, repo=address)
    return cleaned


def task_json(task: Task) -> str:
    """A task as its row keeps it."""
    return _TASK.dump_json(task).decode()


def ending_json(ending: Ending | None) -> str | None:
    """An ending as its row keeps it."""
    return _ENDING.dump_json(ending).decode() if ending else None


# Statements of every advance are made once: putting one together costs more than executing it.
_R = RUNS.c
_ADD = insert(RUNS)
_EXACTLY = select(RUNS).where(_R.id == bindparam("run"), _R.org == bindparam("of"))
_FREE = or_(
    _R.owner.is_(None), _R.owner == bindparam("taker"), _R.owner == bindparam("dead"), _R.lease_until < bindparam("now")
)
# Turns have a module of their own, which knows this one; whether one is open is asked in the transaction of the claim.
_OPEN_TURN = text("SELECT id FROM turns WHERE id = :turn AND status IN ('pending', 'running')")
_CLAIM = (
    update(RUNS)
    .where(_R.id == bindparam("run"), _FREE)
    .values(
        owner=bindparam("taker"),
        generation=_R.generation + 1,
        lease_until=bindparam("until"),
        status="running",
        segment=_R.segment + 1,
        updated_at=bindparam("now"),
    )
    .returning(_R.generation)
)
# The same on PostgreSQL in one statement. The run's row is locked first and the turn's behind it, as who stops a turn
# does it: what was written by the time that each lock is ours is what counts.
_CLAIM_AT_ONCE = text("""
WITH free AS MATERIALIZED (
    SELECT id FROM runs
    WHERE id = :run AND (owner IS NULL OR owner = :taker OR owner = :dead OR lease_until < CAST(:now AS timestamptz))
    FOR UPDATE
), open_turn AS MATERIALIZED (
    SELECT turns.id FROM turns, free
    WHERE turns.id = CAST(:turn AS text) AND turns.status IN ('pending', 'running') FOR SHARE OF turns
), taken AS (
    UPDATE runs SET owner = :taker, generation = runs.generation + 1, lease_until = CAST(:until AS timestamptz),
        status = 'running', segment = runs.segment + 1, updated_at = CAST(:now AS timestamptz)
    FROM free WHERE runs.id = free.id AND (CAST(:turn AS text) IS NULL OR EXISTS (SELECT 1 FROM open_turn))
    RETURNING runs.generation
) SELECT (SELECT generation FROM taken) AS generation, EXISTS (SELECT 1 FROM free) AS is_free""")
_HELD = (_R.id == bindparam("run"), _R.generation == bindparam("lease"))
_RENEW = update(RUNS).where(*_HELD).values(lease_until=bindparam("until"), updated_at=bindparam("now"))
_SETTLE = (
    update(RUNS)
    .where(*_HELD)
    .values(
        status=bindparam("stands"), ending=bindparam("ended"), owner=None, lease_until=None, updated_at=bindparam("now")
    )
)
_SETTLE_AND_TELL = telling(_SETTLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """Rows of runs in any database SQLAlchemy speaks to."""

    engine: AsyncEngine
    admit: Callable[[AsyncConnection, str], Awaitable[None]] | None = None
    """Counts a run of an organisation in the transaction that writes it, or refuses it by raising."""

    async def add(self, run: Run, *, conn: AsyncConnection | None = None) -> None:
        """Write a new row, in the transaction of ``conn`` where there is one."""
        row = {
            "id": run.id,
            "org": run.org,
            "requester": run.requester,
            "status": run.status,
            "task": task_json(run.task),
            "forked_from": run.forked_from,
            "segment": 0,
            "generation": 0,
            "created_at": run.created_at,
            "updated_at": run.updated_at,
        }
        if conn is None and self.admit is None:
            await write_one(self.engine, _ADD, row)
            return
        async with writing(self.engine) if conn is None else nullcontext(conn) as connection:
            if self.admit is not None:
                await self.admit(connection, run.org)
            await connection.execute(_ADD, row)

    async def get(self, run: str, *, org: str) -> Run:
        """Return the run whose id is, or starts with, ``run``.

        Raises:
            Refused: ``run_not_found`` or ``run_ambiguous``.
        """
        rows = await fetch_all(self.engine, _EXACTLY, {"run": run, "of": org})
        if not rows:
            query = select(RUNS).where(_R.org == org, _R.id.startswith(run, autoescape=True)).limit(2)
            rows = await fetch_all(self.engine, query, {})
        if not rows or not run:
            raise Refused(f"There is no run {run!r}.", code="run_not_found", hint="See them with: signoff list")
        if len(rows) > 1:
            raise Refused(f"Several runs start with {run!r}.", code="run_ambiguous", hint="Give more of the id.")
        return run_of(rows[0])

    async def exactly(self, run: str, *, org: str) -> Run | None:
        """The run with this very id, if there is one."""
        rows = await fetch_all(self.engine, _EXACTLY, {"run": run, "of": org})
        return run_of(rows[0]) if rows else None

    async def list(
        self, *, org: str, limit: int = 50, status: Status | None = None, where: Sequence[ColumnElement[bool]] = ()
    ) -> list[Run]:
        """Return the newest runs first, those of them that ``where`` lets through."""
        query = select(RUNS).where(_R.org == org, *where).order_by(_R.created_at.desc(), _R.id.desc()).limit(limit)
        query = query.where(_R.status == status) if status else query
        async with reading(self.engine) as connection:
            return [run_of(row) for row in (await connection.execute(query)).mappings()]

    async def claim(
        self,
        run: str,
        owner: str,
        *,
        now: datetime,
        lease_for: timedelta,
        instead_of: str | None = None,
        turn: str | None = None,
    ) -> int:
        """Take the lease, also from ``instead_of``, who is known to be dead; return its generation.

        With a ``turn``: only while that has not been stopped. Who stops one locks the run's row, too.

        Raises:
            Refused: ``run_busy`` while somebody else holds it; ``lease_lost`` when the turn was stopped.
        """
        lease = {"run": run, "taker": owner, "dead": instead_of or owner, "now": now, "until": now + lease_for}
        stopped = Refused(
            f"Run {run} was stopped before it began.", code="lease_lost", hint="See how it stands: signoff show RUN"
        )
        if self.engine.dialect.name != "sqlite":
            (row,) = (await write_one(self.engine, _CLAIM_AT_ONCE, {**lease, "turn": turn})).rows
            generation = row["generation"]
            if generation is None and row["is_free"]:
                raise stopped
        else:
            async with writing(self.engine) as connection:
                generation = (await connection.execute(_CLAIM, lease)).scalar_one_or_none()
                # Asked once the row is ours to change: who stopped the turn before that has written so by now.
                if turn is not None and (await connection.execute(_OPEN_TURN, {"turn": turn})).first() is None:
                    raise stopped
        if generation is None:
            raise Refused(
                f"Run {run} is being worked on by somebody else.",
                code="run_busy",
                hint="Wait for it to pause or end; after a crash its lease runs out by itself.",
            )
        return generation

    async def renew(self, run: str, generation: int, *, now: datetime, lease_for: timedelta) -> bool:
        """Keep the lease; False when it was lost."""
        held = {"run": run, "lease": generation, "until": now + lease_for, "now": now}
        return (await write_one(self.engine, _RENEW, held)).count == 1

    async def settle(
        self, run: str, generation: int, status: Status, *, now: datetime, ending: Ending | None = None
    ) -> bool:
        """Write how the run stands and give the lease back; False when it was lost before."""
        held = {"run": run, "lease": generation, "stands": status, "ended": ending_json(ending), "now": now}
        if self.engine.dialect.name == "sqlite":  # there is nobody else to tell
            return (await write_one(self.engine, _SETTLE, held)).count == 1
        return len((await write_one(self.engine, _SETTLE_AND_TELL, {**held, "word": f"run:{run}"})).rows) == 1

    async def cancel(self, run: str, *, now: datetime) -> None:
        """End a run from outside; its generation moves on, so whoever works on it can write no more."""
        await self._take_away(run, {"status": "cancelled", "updated_at": now})

    async def park(self, run: str, *, now: datetime, ending: Ending | None = None) -> None:
        """Take a run away from whoever does not answer any more; a resume goes on with it."""
        ended = {"ending": ending_json(ending)} if ending else {}
        await self._take_away(run, {"status": "paused", "updated_at": now, **ended})

    async def _take_away(self, run: str, values: Mapping[str, Any]) -> None:
        change = update(RUNS).where(RUNS.c.id == run, RUNS.c.status.not_in(FINAL))
        async with writing(self.engine) as connection:
            await connection.execute(
                change.values(generation=RUNS.c.generation + 1, owner=None, lease_until=None, **values)
            )

    async def retask(self, run: str, task: Task) -> None:
        """Replace the task: a raised budget."""
        async with writing(self.engine) as connection:
            await connection.execute(update(RUNS).where(RUNS.c.id == run).values(task=task_json(task)))


def asks(value: Any) -> bool:
    """Whether this is what a coder's question looks like, to those who see the interrupts of a run."""
    return isinstance(value, dict) and value.get("kind") == "question"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunState:
    """How a run stands: its row, its state, and what it waits for."""

    run: Run
    values: dict[str, Any]
    next: tuple[str, ...] = ()
    interrupts: tuple[Any, ...] = ()

    @property
    def ballot(self) -> str | None:
        """Id of the ballot it waits for."""
        return next((i.value.get("approval_id") for i in self.interrupts if isinstance(i.value, dict)), None)

    @property
    def question(self) -> str | None:
        """What its coder asks the person, while it waits for the answer."""
        return next((i.value["question"] for i in self.interrupts if asks(i.value)), None)


GENERATION = "generation"
"""Key in ``configurable``."""


def lease_lost(run: str) -> Refused:
    """The error for whoever lost a run."""
    return Refused(
        f"Run {run} was taken over or cancelled.", code="lease_lost", hint="See how it stands: signoff show RUN"
    )


@dataclass(frozen=True, slots=True)
class RunLeases:
    """The leases of this process, and until when each lasts by its own clock."""

    clock: Callable[[], float] = time.monotonic
    until: dict[str, float] = field(default_factory=dict[str, float])
    used: set[str] = field(default_factory=set[str])
    """Runs for which something was done since somebody looked (``StepEffects``)."""

    def keep(self, run: str, seconds: float, *, since: float) -> None:
        """A lease was taken or renewed; ``since`` is when that was asked for."""
        self.until[run] = since + seconds

    def drop(self, run: str) -> None:
        """The lease was given back or lost."""
        self.until.pop(run, None)
        self.used.discard(run)

    def ensure(self, run: str) -> None:
        """Raise ``lease_lost`` unless this process holds the run now; then something is done for it."""
        if self.clock() >= self.until.get(run, 0.0):
            raise lease_lost(run)
        self.used.add(run)


@contextmanager
def though_lost() -> Generator[None]:
    """Let pass that the run is somebody else's by now, or nobody's, or that its files cannot be kept."""
    try:
        yield
    except ContentUnavailable:
        pass
    except Refused as error:
        if error.stable_code != "lease_lost":
            raise


def held(config: RunnableConfig) -> tuple[str, int] | None:
    """Run and generation that a write belongs to; None: it belongs to no lease."""
    named: Mapping[str, Any] = config.get("configurable", {})
    return (str(named["thread_id"]), int(named[GENERATION])) if GENERATION in named else None
