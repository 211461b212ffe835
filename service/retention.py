"""Retention: the registry of everything that is kept, how long and whose it is, and what deletes it.

Every table and every entry of the data directory stands in ``KEPT``; a test compares it with what there really is. A
deleted thread is hidden at once, and erased with every row and file of it after the days of ``SIGNOFF_KEEP_DAYS``;
what only ages goes by its age. Both happen here and nowhere else. Ballots and the audit are never touched: what was
signed, and by whom, outlives the work.
"""

import asyncio
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from langgraph.checkpoint.base import BaseCheckpointSaver
from sqlalchemy import Table, and_, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.sql.elements import ColumnElement

from approvals.storage import REPLAYABLE_FOR
from approvals.storage import metadata as approvals
from database import empty_log, erasing, reading, writing
from domain import value
from forges.inbound import OLDEST
from models import MODEL_TABLES
from retrieval import IndexFolder
from sandbox import Store
from service.auth.api_keys import KEYS, MODES
from service.auth.directory import MEMBERS, SERVICE_ACCOUNTS
from service.auth.rate_limits import RATES, outdated
from service.auth.secrets import FINGERPRINTS
from service.forges.events import FORGE_EVENTS
from service.plans.plans import month_of
from service.plans.tables import (
    PAYMENT_EVENTS,
    PLAN_ACCOUNTS,
    PLAN_NOTICES,
    PLAN_RESERVATIONS,
    PLAN_SUBSCRIPTIONS,
    PLAN_USAGE,
)
from service.runs.dispatcher import Dispatcher
from service.runs.event_log import EVENTS
from service.runs.runs import RUNS
from service.runs.threads import MINE, THREADS, Thread, Threads
from service.runs.turns import TURNS, Turns
from service.storage.assistants import STORED, VERSIONS
from service.storage.crons import CRONS
from service.storage.items import ITEMS
from service.storage.segments import SEGMENTS
from service.storage.vectors import KEPT_FOR, VECTORS
from telemetry import forget_trace, traces_before
from telemetry.audit import metadata as audit

Owner = Literal["thread", "organisation", "installation"]
Rows = ColumnElement[bool]


@value
class Cutoff:
    """When a sweep looks, and before when something must have ended to be due."""

    now: datetime
    before: datetime


@dataclass(frozen=True, slots=True)
class Kept:
    """A table, or an entry of the data directory: whose it is, how long it lives, and which rows go when."""

    what: Table | str
    """A table of ours; the name of a table of LangGraph's or the queue's; a pattern of names in the data directory."""
    whose: Owner
    lives: str
    deleted_by: str = "retention"
    of_thread: Callable[[str, str], Rows] | None = None
    """The rows that belong to a thread, by its id and its organisation."""
    past: Callable[[Cutoff], Rows] | None = None
    """The rows that are due by their age."""

    @property
    def name(self) -> str:
        return self.what if isinstance(self.what, str) else self.what.name


_OUTBOX, _RECEIVED, _LINKS = (approvals.tables[name] for name in ("outbox", "received", "links"))
_CALLS, _SPENT, _HELD, _ANSWERS = (
    MODEL_TABLES.tables[name] for name in ("model_calls", "model_budgets", "model_reservations", "model_answers")
)
_WITH_THREAD = "until its thread is deleted, and `SIGNOFF_KEEP_DAYS` more"
_SIGNED = "for good: what was signed, and by whom"
_LOGGED = "for good: the tamper-evident record"
_ERASURE = "nothing; `signoff people erase` takes a person's name out"
_REPLAYABLE = f"{REPLAYABLE_FOR.days} days: longer than anything that could be sent again"

TABLES = (
    # What names turns goes before the turns themselves.
    Kept(
        EVENTS,
        "thread",
        "`SIGNOFF_KEEP_DAYS`: the record of its streams",
        of_thread=lambda thread, _: EVENTS.c.turn.in_(select(TURNS.c.id).where(TURNS.c.thread == thread)),
        past=lambda at: EVENTS.c.said_at < at.before,
    ),
    Kept(TURNS, "thread", f"{_WITH_THREAD}, its idempotency keys, too", of_thread=lambda id_, _: TURNS.c.thread == id_),
    Kept(RUNS, "thread", _WITH_THREAD, of_thread=lambda id_, _: RUNS.c.id == id_),
    Kept(THREADS, "thread", _WITH_THREAD, of_thread=lambda id_, _: THREADS.c.id == id_),
    Kept(
        _OUTBOX,
        "thread",
        "`SIGNOFF_KEEP_DAYS` after the last attempt, sent or dead",
        of_thread=lambda thread, org: and_(_OUTBOX.c.run == thread, _OUTBOX.c.org == org),
        past=lambda at: and_(_OUTBOX.c.state != "waiting", _OUTBOX.c.due_at < at.before),
    ),
    Kept(
        FORGE_EVENTS,
        "thread",
        "`SIGNOFF_KEEP_DAYS` after it came, four days at least: until then it cannot be sent again",
        of_thread=lambda thread, org: and_(FORGE_EVENTS.c.thread == thread, FORGE_EVENTS.c.org == org),
        past=lambda at: and_(
            FORGE_EVENTS.c.state == "done",
            FORGE_EVENTS.c.received_at < min(at.before, at.now - OLDEST - timedelta(days=1)),
        ),
    ),
    Kept(_SPENT, "thread", _WITH_THREAD, of_thread=lambda thread, org: _SPENT.c.account == f"{org}/{thread}"),
    Kept(
        _HELD,
        "thread",
        "ten minutes: what a model call may cost at most",
        of_thread=lambda thread, org: _HELD.c.account == f"{org}/{thread}",
        past=lambda at: _HELD.c.until <= at.now.timestamp(),
    ),
    Kept(
        SEGMENTS,
        "thread",
        f"{_WITH_THREAD}, and with it the objects of the bucket",
        of_thread=lambda id_, _: SEGMENTS.c.run == id_,
    ),
    Kept("checkpoints", "thread", _WITH_THREAD),
    Kept("checkpoint_blobs", "thread", _WITH_THREAD),
    Kept("checkpoint_writes", "thread", _WITH_THREAD),
    Kept("writes", "thread", _WITH_THREAD),
    Kept("procrastinate_jobs", "thread", "until it ended well; one that failed, `SIGNOFF_KEEP_DAYS`"),
    Kept("procrastinate_events", "thread", "as its job"),
    Kept(
        _ANSWERS,
        "organisation",
        "`SIGNOFF_CACHE_ANSWERS_MINUTES` (plans: `SIGNOFF_CACHE_PLANS_MINUTES`): answers of models that may be used "
        "again; a year: in which dialect a model passed its probe",
        past=lambda at: _ANSWERS.c.until <= at.now.timestamp(),
    ),
    Kept(
        MODEL_TABLES.tables["model_vectors"],
        "installation",
        "`SIGNOFF_CACHE_EMBEDDINGS_DAYS` after it was used last: vectors of texts, by hash, without the texts",
        "the caches",
    ),
    Kept(
        _CALLS,
        "organisation",
        "two days: how often a model was asked",
        past=lambda at: _CALLS.c.at < (at.now - timedelta(days=2)).timestamp(),
    ),
    Kept(
        MODEL_TABLES.tables["decisions"],
        "organisation",
        "for good: the books of `signoff usage`, without what was said",
        "nothing",
    ),
    Kept(
        MODEL_TABLES.tables["model_outcomes"],
        "organisation",
        "for good: which model finished which run after which kind of failure, without what was said",
        "nothing",
    ),
    Kept(_RECEIVED, "organisation", _REPLAYABLE, past=lambda at: _RECEIVED.c.received_at < at.now - REPLAYABLE_FOR),
    Kept(_LINKS, "organisation", _REPLAYABLE, past=lambda at: _LINKS.c.used_at < at.now - REPLAYABLE_FOR),
    Kept(approvals.tables["ballots"], "organisation", _SIGNED, _ERASURE),
    Kept(approvals.tables["votes"], "organisation", _SIGNED, _ERASURE),
    Kept(approvals.tables["grants"], "organisation", _SIGNED, _ERASURE),
    Kept(approvals.tables["kills"], "organisation", "for good: a run that was stopped stays so", _ERASURE),
    Kept(
        approvals.tables["notices"], "organisation", "until the person chooses otherwise, or is erased", "`/console/me`"
    ),
    Kept(audit.tables["audit_log"], "organisation", _LOGGED, "nothing: the database refuses"),
    Kept(audit.tables["audit_heads"], "organisation", _LOGGED, "nothing"),
    Kept(audit.tables["audit_subjects"], "organisation", f"{_LOGGED}; names are encrypted", _ERASURE),
    Kept(audit.tables["audit_notes"], "organisation", f"{_LOGGED}; comments are encrypted", _ERASURE),
    Kept(
        KEYS,
        "organisation",
        "a session, `SIGNOFF_KEEP_DAYS` after its end; a key, for good: its name stays taken",
        past=lambda at: and_(KEYS.c.kind == "st", KEYS.c.expires_at < at.before),
    ),
    Kept(PLAN_ACCOUNTS, "organisation", "until an administrator takes the plan back", "`signoff plans set ORG ''`"),
    Kept(PLAN_SUBSCRIPTIONS, "organisation", "for good: what was paid for, by the payment provider's ids", "nothing"),
    Kept(PLAN_USAGE, "organisation", "for good: what was used of a plan, a line a month", "nothing"),
    Kept(
        PLAN_RESERVATIONS,
        "organisation",
        "ten minutes: what a model call may use at most",
        past=lambda at: PLAN_RESERVATIONS.c.until <= at.now.timestamp(),
    ),
    Kept(
        PLAN_NOTICES,
        "organisation",
        "two months: which ends of limits people were told of",
        past=lambda at: PLAN_NOTICES.c.month < month_of(at.now - timedelta(days=62)),
    ),
    Kept(
        PAYMENT_EVENTS,
        "installation",
        f"{REPLAYABLE_FOR.days} days: longer than anything that could be sent again",
        past=lambda at: PAYMENT_EVENTS.c.received_at < at.now - REPLAYABLE_FOR,
    ),
    Kept(MEMBERS, "organisation", "until it is removed", "`DELETE /v1/members/{subject}`"),
    Kept(
        SERVICE_ACCOUNTS,
        "organisation",
        "until it is removed: its name stays taken",
        "`DELETE /v1/members/{subject}`",
    ),
    Kept(MODES, "organisation", "for good: whether four eyes are in force", "nothing"),
    Kept(
        ITEMS,
        "thread",
        "what was learnt from a run, until its thread is deleted; what a client wrote, until that deletes it",
        of_thread=lambda thread, org: and_(ITEMS.c.run == thread, ITEMS.c.org == org),
    ),
    Kept(
        VECTORS,
        "organisation",
        f"{KEPT_FOR.days} days: numbers made of texts that are remembered, by their hash",
        past=lambda at: VECTORS.c.used_at < at.now - KEPT_FOR,
    ),
    Kept(STORED, "organisation", "until its client deletes it", "`DELETE /assistants/{id}`"),
    Kept(VERSIONS, "organisation", "with its assistant", "`DELETE /assistants/{id}`"),
    Kept(CRONS, "organisation", "until its client deletes it, or its assistant", "`DELETE /runs/crons/{id}`"),
    Kept(RATES, "installation", "three minutes", past=lambda at: outdated(at.now.timestamp())),
    Kept("procrastinate_workers", "installation", "ten times `SIGNOFF_LEASE_S` after its last heartbeat", "the queue"),
    Kept("procrastinate_periodic_defers", "installation", "empty: no job is periodic", "the queue"),
    Kept(FINGERPRINTS, "installation", "for good: which keys its machines have to have", "nothing"),
    Kept("alembic_version", "installation", "for good", "nothing"),
    Kept("queue_migrations", "installation", "for good", "nothing"),
    Kept("checkpoint_migrations", "installation", "for good", "nothing"),
)
"""Tables of the database, and of ``checkpoints.db`` where that is SQLite."""

FILES = (
    Kept(
        "store/",
        "thread",
        f"{_WITH_THREAD}: its repository, snapshots, outputs and artefacts; a copy of what is in a bucket, "
        "`SIGNOFF_KEEP_DAYS` after it was looked at",
    ),
    Kept(
        "index/",
        "installation",
        "`SIGNOFF_KEEP_DAYS` after the last question: words, counts and places of committed files, and "
        "commits searched without a run",
    ),
    Kept("traces/", "thread", f"{_WITH_THREAD}; of a run that is not known here, `SIGNOFF_KEEP_DAYS`"),
    Kept("checkpoints.db*", "thread", "its tables: see there"),
    Kept("signoff.db*", "installation", "its tables: see there"),
    Kept("keys/", "installation", "for good: what signs and encrypts", "you"),
    Kept("audit/", "organisation", "for good: the witness of the audit", "you"),
    Kept("serve.lock", "installation", "for good; empty", "you"),
    Kept("studio.db*", "installation", "what LangGraph's development server keeps of its own threads", "you"),
)
"""Entries of the data directory, ``SIGNOFF_HOME``. Folders of sandboxes go with their sandboxes, not with time."""

KEPT = (*TABLES, *FILES)
AT_ONCE = 100
"""Threads that one sweep erases at most; the next one goes on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """Hides threads that are deleted, and removes what is due."""

    engine: AsyncEngine
    checkpoints: BaseCheckpointSaver[str] | None
    files: Store
    indexes: IndexFolder
    home: Path
    """The data directory."""
    threads: Threads
    turns: Turns
    dispatch: Dispatcher
    keep: timedelta
    clock: Callable[[], datetime]

    async def delete(self, thread: Thread) -> None:
        """Stop what works on a thread and hide it; ``sweep`` erases it when the days are over."""
        for turn in reversed(await self.turns.unfinished(thread.id)):
            # From the newest on: one that waits must not begin because the one before it ended.
            await self.dispatch.stop(turn, "interrupt", "deleted")
        await self.threads.bury(thread.id, now=self.clock())
        async with writing(self.engine) as conn:  # nobody is to be told of it from now on
            await conn.execute(delete(ITEMS).where(ITEMS.c.run == thread.id, ITEMS.c.org == thread.org))

    async def sweep(self) -> int:
        """Remove what is due; how many threads that were."""
        now = self.clock()
        at = Cutoff(now=now, before=now - self.keep)
        for entry in TABLES:
            if entry.past is not None and isinstance(entry.what, Table):
                async with writing(self.engine) as conn:  # each by itself: a long one takes no other one back
                    await conn.execute(delete(entry.what).where(entry.past(at)))
        await self.dispatch.drop_ended(math.ceil(self.keep / timedelta(hours=1)))
        await self._drop_unknown_traces(at.before)
        await asyncio.to_thread(self.indexes.drop_before, at.before)
        await self.files.tidy(at.before)
        at_work = exists().where(RUNS.c.id == THREADS.c.id, RUNS.c.lease_until > now)
        due = select(THREADS.c.id, THREADS.c.org).where(THREADS.c.deleted_at < at.before, MINE, ~at_work)
        async with reading(self.engine) as conn:
            threads = [(str(row.id), str(row.org)) for row in await conn.execute(due.limit(AT_ONCE))]
        for thread, org in threads:
            await self.erase(thread, org)
        # What was overwritten still stands in the log's older pages.
        for file in self.home.glob("*.db") if threads else ():
            await asyncio.to_thread(empty_log, file)
        return len(threads)

    async def erase(self, thread: str, org: str) -> None:
        """Remove everything of a thread. Files first: one whose row is still there is tried again."""
        await self.files.drop(thread)
        await forget_trace(self.home / "traces", thread)
        if self.checkpoints is not None:
            await self.checkpoints.adelete_thread(thread)
        async with erasing(self.engine) as conn:
            for entry in TABLES:
                if entry.of_thread is not None and isinstance(entry.what, Table):
                    await conn.execute(delete(entry.what).where(entry.of_thread(thread, org)))

    async def _drop_unknown_traces(self, before: datetime) -> None:
        """Traces that no row leads to any more: earlier versions left them when they erased a thread."""
        traces = self.home / "traces"
        runs: Sequence[str] = await asyncio.to_thread(traces_before, traces, before)
        for start in range(0, len(runs), AT_ONCE):
            batch = runs[start : start + AT_ONCE]
            async with reading(self.engine) as conn:
                known = set[Any]((await conn.execute(select(RUNS.c.id).where(RUNS.c.id.in_(batch)))).scalars())
            for run in batch:
                if run not in known:
                    await forget_trace(traces, run)
