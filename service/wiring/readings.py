"""Readings for ``/metrics``: how this process, the queue and the installation stand when Prometheus asks.

A page is answered whatever is away: a database or an engine that does not answer is a number on it, and what only that
could tell is left out.
"""

import asyncio
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from sqlalchemy import exists, func, select, text
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals.storage import metadata as approvals
from approvals.storage import waiting
from database import DatabaseUnavailable, connection_counts, fetch_all, fetch_one
from domain import SignoffError
from sandbox import Check, Docker
from service.plans.documents import warning_line
from service.plans.metering import PlanUse
from service.queue.jobs import IS_DEAD
from service.runs.runs import RUNS
from service.runs.turns import TURNS
from service.wiring.application import Application
from service.wiring.caches import alive
from service.wiring.sandboxes import docker_of
from telemetry import GaugeReading, Waiting

Counts = Callable[[], Mapping[str, int]]
"""Connections of a pool, by what they do."""
ANSWER_S, PAGE_S = 3.0, 6.0
"""How long one query may take, and all of them: Prometheus waits ten seconds for the page."""
ENGINE_EVERY_S, ENGINE_S = 15.0, 3.0
"""How often the engine is asked for its containers, and how long it may take."""
QUEUE_S, QUERY_S, LETTER_S, APPROVAL_S, FREE = 300.0, 0.25, 900.0, 4 * 3_600.0, 0.1
"""From where on something is not well: as the alerts have it (``deploy/prometheus/rules.yaml``)."""
SHOWN = 5
"""Organisations that one line names."""
CALLED = ("high", "critical")
"""Tiers whose questions somebody is called for, as there."""
OLDEST = 1_000
"""Turns that are looked at for the one that has waited longest."""
_ONE = text("SELECT 1")
_RUNS = select(RUNS.c.status, func.count().label("runs")).group_by(RUNS.c.status)
_OPEN = (
    select(TURNS.c.status, func.count().label("turns"))
    .where(TURNS.c.status.in_(("pending", "running")))
    .group_by(TURNS.c.status)
)
_DEAD = select(func.count()).select_from(TURNS).where(IS_DEAD)
_OTHER = TURNS.alias("other")
_NEXT = (
    select(TURNS.c.created_at, TURNS.c.asked)
    # Turns of a thread follow each other: one behind another does not wait for a worker.
    .where(
        TURNS.c.status == "pending",
        ~exists().where(
            _OTHER.c.thread == TURNS.c.thread, _OTHER.c.status.in_(("pending", "running")), _OTHER.c.seq < TURNS.c.seq
        ),
    )
    .order_by(TURNS.c.seq)
    .limit(OLDEST)
)
_OUTBOX = approvals.tables["outbox"]
_LETTERS = (
    select(_OUTBOX.c.state, func.count().label("letters"), func.min(_OUTBOX.c.due_at).label("oldest"))
    .where(_OUTBOX.c.state != "sent")
    .group_by(_OUTBOX.c.state)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseReadings:
    """What the tables say."""

    runs: Mapping[str, int]
    waiting: Sequence[Waiting]
    readings: Sequence[GaugeReading]


async def read_database(engine: AsyncEngine, now: datetime) -> DatabaseReadings:
    """Read runs, questions, queue and letters. Raises ``DatabaseUnavailable``."""
    began = time.perf_counter()
    await fetch_one(engine, _ONE, {}, within_s=ANSWER_S)
    readings = [
        GaugeReading(name="signoff_database_up", amount=1),
        GaugeReading(name="signoff_database_query_seconds", amount=time.perf_counter() - began),
    ]
    runs = {str(row["status"]): int(row["runs"]) for row in await fetch_all(engine, _RUNS, {}, within_s=ANSWER_S)}
    open_ = [Waiting(tier=tier, age_s=age) for tier, age in await waiting(engine, now)]
    counted = {str(row["status"]): int(row["turns"]) for row in await fetch_all(engine, _OPEN, {}, within_s=ANSWER_S)}
    queue = {
        "waiting": counted.get("pending", 0),
        "working": counted.get("running", 0),
        "dead": int(await fetch_one(engine, _DEAD, {}, within_s=ANSWER_S)),
    }
    readings += [
        GaugeReading(name="signoff_queue_turns", amount=count, labels={"state": state})
        for state, count in queue.items()
    ]
    oldest = max(
        (
            (now - row["created_at"]).total_seconds() - float(row["asked"].get("after", 0))
            for row in await fetch_all(engine, _NEXT, {}, within_s=ANSWER_S)
        ),
        default=0.0,
    )
    readings.append(GaugeReading(name="signoff_queue_oldest_age_seconds", amount=max(0.0, oldest)))
    letters = {row["state"]: row for row in await fetch_all(engine, _LETTERS, {}, within_s=ANSWER_S)}
    for state in ("waiting", "dead"):
        count = int(letters[state]["letters"]) if state in letters else 0
        readings.append(GaugeReading(name="signoff_letters", amount=count, labels={"state": state}))
    due = (now - letters["waiting"]["oldest"]).total_seconds() if "waiting" in letters else 0.0
    readings.append(GaugeReading(name="signoff_oldest_letter_age_seconds", amount=max(0.0, due)))
    for cache in ("answers", "plans"):
        count = await fetch_one(engine, select(func.count()).where(alive(cache, now)), {}, within_s=ANSWER_S)
        readings.append(GaugeReading(name="signoff_cache_entries", amount=int(count), labels={"cache": cache}))
    return DatabaseReadings(runs=runs, waiting=open_, readings=readings)


@dataclass(slots=True, kw_only=True)
class EngineReadings:
    """The containers of the engine, asked for now and then: ten scrapers cost it no more than one."""

    engine: Docker
    _readings: Sequence[GaugeReading] = ()
    _read_at: float = field(default=float("-inf"))

    async def __call__(self) -> Sequence[GaugeReading]:
        """What it said lately; where it does not answer, that."""
        if time.monotonic() - self._read_at >= ENGINE_EVERY_S:
            self._read_at = time.monotonic()
            self._readings = await self._read()
        return self._readings

    async def _read(self) -> Sequence[GaugeReading]:
        try:
            async with asyncio.timeout(ENGINE_S):
                containers = await self.engine.held()
        except (SignoffError, TimeoutError):
            return (GaugeReading(name="signoff_sandbox_engine_up", amount=0),)
        counts = {state: sum(each.owner == state for each in containers) for state in ("ours", "others", "abandoned")}
        return (
            GaugeReading(name="signoff_sandbox_engine_up", amount=1),
            *(
                GaugeReading(name="signoff_sandbox_containers", amount=count, labels={"state": state})
                for state, count in counts.items()
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsPage:
    """Answers ``/metrics`` of a server or a worker."""

    application: Application
    pools: Mapping[str, Counts]
    """Pools of connections beside that of the rows, by name."""
    engine: EngineReadings | None
    """None: this process makes no sandboxes, or its backend has no engine."""

    async def __call__(self) -> tuple[bytes, str]:
        """Body and content type of the page."""
        application = self.application
        database = application.engine.runs.engine
        engine, files, read, plans = await asyncio.gather(
            self._engine(),
            asyncio.to_thread(read_files, application.settings.home),
            self._database(database),
            self._plans(),
        )
        readings = [*self._connections(database), *self._sandboxes(), *files, *engine, *plans]
        if read is None:
            readings.append(GaugeReading(name="signoff_database_up", amount=0))
            return application.metrics.page(readings=readings)
        return application.metrics.page(runs=read.runs, waiting=read.waiting, readings=[*readings, *read.readings])

    async def _engine(self) -> Sequence[GaugeReading]:
        return () if self.engine is None else await self.engine()

    async def _plans(self) -> Sequence[GaugeReading]:
        if (plans := self.application.plans) is None:
            return ()
        try:
            async with asyncio.timeout(PAGE_S):
                return plan_readings(await plans.uses())
        except (DatabaseUnavailable, TimeoutError):
            return ()

    async def _database(self, database: AsyncEngine) -> DatabaseReadings | None:
        try:
            async with asyncio.timeout(PAGE_S):
                return await read_database(database, self.application.engine.clock())
        except (DatabaseUnavailable, TimeoutError):
            return None

    def _connections(self, database: AsyncEngine) -> Sequence[GaugeReading]:
        pools = {"rows": connection_counts(database), **{name: counts() for name, counts in self.pools.items()}}
        return [
            GaugeReading(name="signoff_database_connections", amount=count, labels={"pool": pool, "state": state})
            for pool, counts in pools.items()
            for state, count in counts.items()
        ]

    def _sandboxes(self) -> Sequence[GaugeReading]:
        counts = self.application.pool.counts
        return [
            GaugeReading(name="signoff_sandboxes", amount=count, labels={"state": state})
            for state, count in counts.items()
        ]


def plan_readings(uses: Sequence[PlanUse]) -> Sequence[GaugeReading]:
    """What organisations used of the limits of their plans."""
    return [
        GaugeReading(name="signoff_plan_used_ratio", amount=each.share, labels={"org": use.org, "limit": each.meter})
        for use in uses
        for each in use.meters
        if each.share is not None
    ]


def read_files(home: Path) -> Sequence[GaugeReading]:
    """The file system of the data directory. Blocks for a moment."""
    usage = shutil.disk_usage(home)
    sizes = {"free": usage.free, "total": usage.total}
    return [
        GaugeReading(name="signoff_home_bytes", amount=size, labels={"state": state}) for state, size in sizes.items()
    ]


def metrics_page(application: Application, pools: Mapping[str, Counts]) -> MetricsPage:
    """The page of a process, as the settings say what it does."""
    engine = docker_of(application.settings) if application.settings.workers else None
    return MetricsPage(
        application=application,
        pools=pools,
        engine=None if engine is None else EngineReadings(engine=engine),
    )


async def checks(application: Application) -> tuple[Check, ...]:
    """Look at everything that an alert is about. Raises ``DatabaseUnavailable``."""
    read = await read_database(application.engine.runs.engine, application.engine.clock())
    numbers = by_name([*read.readings, *read_files(application.settings.home)])
    engine = docker_of(application.settings)
    if engine is not None:
        numbers |= by_name(await EngineReadings(engine=engine)())
    plans = of_plans(await application.plans.uses()) if application.plans is not None else ()
    return (*of_database(numbers), of_approvals(read.waiting), *plans, *of_machine(numbers))


def by_name(readings: Sequence[GaugeReading]) -> dict[tuple[str, ...], float]:
    """Numbers by name and labels, the prefix left out."""
    return {(each.name.removeprefix("signoff_"), *each.labels.values()): each.amount for each in readings}


def of_database(numbers: dict[tuple[str, ...], float]) -> tuple[Check, ...]:
    """What the tables tell of."""
    query, oldest = numbers["database_query_seconds",], numbers["queue_oldest_age_seconds",]
    dead, lost = int(numbers["queue_turns", "dead"]), int(numbers["letters", "dead"])
    waiting, working = int(numbers["queue_turns", "waiting"]), int(numbers["queue_turns", "working"])
    due = numbers["oldest_letter_age_seconds",]
    return (
        Check(name="database", ok=query <= QUERY_S, detail=f"{query * 1_000:.0f} ms a query", hint=runbook("database")),
        Check(
            name="queue",
            ok=oldest <= QUEUE_S,
            detail=f"{waiting} wait, {working} work; the oldest has waited {oldest:.0f} s",
            hint=runbook("queue"),
        ),
        Check(name="dead jobs", ok=not dead, detail=str(dead), hint=runbook("dead-jobs")),
        Check(
            name="letters",
            ok=not lost and due <= LETTER_S,
            detail=f"{int(numbers['letters', 'waiting'])} wait, {lost} dead",
            hint=runbook("letters"),
        ),
    )


def of_approvals(waiting: Sequence[Waiting]) -> Check:
    """Questions that wait for a person."""
    late = [each for each in waiting if each.tier in CALLED and each.age_s > APPROVAL_S]
    detail = f"{len(waiting)} wait, {len(late)} for more than {APPROVAL_S / 3_600:.0f} hours"
    return Check(name="approvals", ok=not late, detail=detail, hint=runbook("stuck-approvals"))


def of_plans(uses: Sequence[PlanUse]) -> tuple[Check, ...]:
    """Organisations that have come to an end of their plan, whose payment failed, or whose plan is gone."""
    noted = [use for use in uses if use.warnings or use.current.grace_until or use.current.missing]
    lines = [f"{use.org}: {warning_line(use) or f'the file has no plan {use.current.missing}'}" for use in noted]
    more = f" and {len(lines) - SHOWN} more" if len(lines) > SHOWN else ""
    detail = "; ".join(lines[:SHOWN]) + more if lines else f"{len(uses)} organisations within their plans"
    return (Check(name="plans", ok=not lines, detail=detail, hint="docs/plans.md"),)


def of_machine(numbers: dict[tuple[str, ...], float]) -> tuple[Check, ...]:
    """What this machine tells of: its disk, and its engine where sandboxes are containers."""
    free = numbers["home_bytes", "free"] / max(1.0, numbers["home_bytes", "total"])
    disk = Check(name="disk", ok=free >= FREE, detail=f"{free:.0%} free", hint=runbook("disk-full"))
    if (up := numbers.get(("sandbox_engine_up",))) is None:
        return (disk,)
    engine = Check(name="docker", ok=bool(up), detail="answers" if up else "no answer", hint=runbook("docker-down"))
    if not up:
        return (disk, engine)
    abandoned = int(numbers["sandbox_containers", "abandoned"])
    detail = f"{int(numbers['sandbox_containers', 'others'])} in use, {abandoned} abandoned"
    return (disk, engine, Check(name="containers", ok=not abandoned, detail=detail, hint=runbook("leaked-containers")))


def runbook(name: str) -> str:
    """Where it stands what to do."""
    return f"docs/runbooks/{name}.md"
