"""Where everybody meets: the only module that opens the back rooms."""

import sys
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.metadata import version

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from langgraph.checkpoint.base import BaseCheckpointSaver
from opentelemetry.trace import Span
from rich.console import Console
from rich.tree import Tree
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import (
    Ballot,
    Ballots,
    Clock,
    Connections,
    StoredBallots,
    Voter,
    create_all,
    default_policy,
    load_connections,
    waiting,
    writing,
)
from domain import Refused
from graphs import Staff, coding
from models import Database as ModelTables
from models import Model, Role
from models.repair import Repair
from models.routing import Catalogue, ModelRouter, load_catalogue
from models.wrappers import Decisions
from nodes._masks import Masks
from nodes._revise import Reviser
from nodes.ask import Asker
from nodes.assess import Assessor
from nodes.deliver import Deliverer
from nodes.execute import Executor
from nodes.observe import Observer
from nodes.plan import Planner
from nodes.receive import Receiver
from nodes.replan import Replanner
from nodes.review import Reviewer
from nodes.wait import Waiter
from risk import Engine as RiskEngine
from sandbox import Backend, Check, Delivery, Passage, Pool, Spec, Store, Workspaces
from service.brains import Policies, masker_of, open_board, probe_endpoints
from service.company import Company
from service.database import Storage, open_storage
from service.engine import Ended, Engine, Standing, nobody
from service.fences import FencedBackend, Leases
from service.keys import own_key
from service.members import Members
from service.migrations import ensure_migrated, prepare_sqlite
from service.people import Household, local_user
from service.roster import Desk
from service.runs import Run, Runs
from service.sandboxes import open_pool, spec_of, told
from service.settings import Settings
from service.tables import METADATA
from service.wording import wordings
from telemetry import (
    Branch,
    Identity,
    ListenedBackend,
    Metrics,
    Redactor,
    Scorekeeper,
    Scores,
    Tracing,
    Waiting,
    logging_as,
    read_trace,
    render,
    run_context,
    to_collector,
    to_langfuse,
    tracing,
)
from telemetry.audit import Audit, Folder, Subjects
from telemetry.audit import metadata as audit_tables


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """Everything a command needs, opened."""

    settings: Settings
    org: str
    engine: Engine
    staff: Staff
    """Who the engine's graph employs."""
    ballots: Ballots
    store: Store
    backend: Backend
    pool: Pool
    spec: Spec
    people: Household
    desk: Desk
    audit: Audit
    revise: Reviser
    connections: Connections = field(default_factory=Connections)
    metrics: Metrics = field(default_factory=Metrics)
    server: str | None = field(default=None, repr=False)
    """libpq's URL of the PostgreSQL server; None: SQLite."""

    async def metrics_page(self, runs: Mapping[str, int]) -> tuple[bytes, str]:
        """Body and content type of ``/metrics``."""
        open_ = await waiting(self.engine.runs.engine, self.engine.clock())
        return self.metrics.page(runs=runs, waiting=[Waiting(tier=tier, age_s=age) for tier, age in open_])

    async def witnessed(self) -> None:
        """Have the witness keep how the audit stands."""
        await _witnessed(self.audit)

    def person(self, name: str | None = None) -> Voter:
        """Who signs at this terminal: the named person in solo mode, else who is logged in.

        Raises:
            Refused: ``sign_as_refused`` for anybody else's name in team mode.
        """
        if name not in {None, local_user()} and self.people.mode != "solo":
            raise Refused("In team mode everybody signs as themselves.", code="sign_as_refused",
                          hint="Sign without --as, or over HTTP with a login of your own.")  # fmt: skip
        return self.people.voter(name or local_user(), self.org)

    def warm(self) -> None:
        """Begin to start a sandbox, in the background: who calls this is about to need one."""
        self.pool.warm(self.spec)

    @property
    def board(self) -> ModelRouter:
        """Chooses models."""
        return self.desk.board

    @property
    def catalogue(self) -> Catalogue:
        return self.board.catalogue

    @property
    def decisions(self) -> Decisions:
        """Who was asked, why, and what it cost."""
        return self.board.decisions

    def announce(self, console: Console) -> None:
        """Say in one line who will do the work."""
        coder = self.board.registry.described("coder")
        who = f"model {coder}" if coder else "built-in repair engine (no model configured: SIGNOFF_MODEL_BASE_URL)"
        console.print(f"[dim]coder: {who} · sandbox: {self.settings.sandbox}/{self.spec.runtime}[/]", highlight=False)

    async def spans(self, run: str) -> Branch:
        """The run's tree of spans."""
        return await read_trace(self.settings.home / "traces", run)

    async def probe_models(self) -> tuple[Check, ...]:
        """Ask every endpoint what it serves; without one there is nothing to ask."""
        return await probe_endpoints(self.board)

    @staticmethod
    def drawn(branch: Branch) -> Tree:
        """The spans as a tree for a terminal."""
        return render(branch)

    async def cancel(self, run: Run, who: str) -> None:
        """End a run for good, and everything that waits on it."""
        await self.ballots.kill(run.id, self.people.voter(who, self.org))
        await self.engine.runs.cancel(run.id, now=self.engine.clock())


@dataclass(frozen=True, slots=True)
class RunSpans:
    """One trace a run, one span a stretch of work; any process continues it."""

    tracing: Tracing

    @contextmanager
    def segment(self, run: Run) -> Generator[Span]:
        """See ``service.engine.Spans``. The root span is written with the first segment and ends at once."""
        who = Identity(run=run.id, org=run.org, user=run.requester)
        if run.segment == 0:
            self.tracing.begin(who)
        name = f"run.segment {run.segment + 1}"
        with self.tracing.tracer.start_as_current_span(name, context=run_context(who)) as span:
            span.set_attribute("langfuse.observation.type", "chain")
            yield span


def now() -> datetime:
    """The clock of the house."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_house(
    settings: Settings,
    *,
    served_to: str | None = None,
    models: Mapping[Role, Model] | None = None,
    clock: Clock = now,
) -> AsyncGenerator[House]:
    """Open every room for as long as the block runs; nothing is left behind.

    ``served_to``: the graph is for a LangGraph server that brings its own checkpointer, and its resume
    values are the votes of this person. ``models``: who is asked instead of the endpoints in the settings.
    ``clock``: what time it is for approvals, budgets, leases and the audit.
    """
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        redactor = Redactor(secrets=settings.secrets)
        if served_to is None:  # a LangGraph server has logs of its own
            logs = logging_as(level=settings.log_level, as_json=settings.log_json, redactor=redactor, stream=sys.stderr)
            stack.enter_context(logs)
        metrics = Metrics()
        spans = await stack.enter_async_context(_tracing(settings, redactor, metrics))
        database = await open_storage(settings, stack)
        saver = None if served_to else database.saver
        house = await _furnish(settings, stack, spans, database, saver, served_to, models, clock)
        yield replace(house, metrics=metrics)


async def _furnish(  # noqa: PLR0917
    settings: Settings,
    stack: AsyncExitStack,
    spans: Tracing,
    rows: Storage,
    saver: BaseCheckpointSaver[str] | None,
    served_to: str | None,
    given: Mapping[Role, Model] | None,
    clock: Clock,
) -> House:
    database = rows.engine
    runs, audit = Runs(engine=database), _audit(settings, database, clock)
    stack.push_async_callback(_witnessed, audit)
    if rows.server is None:
        await prepare_sqlite(database, partial(_make_tables, database))
    else:
        await ensure_migrated(database)
    members = Members(engine=database)
    company = Company(engine=database, org=settings.org, policy=default_policy(), configured=settings.mode, clock=clock)
    await company.look()
    people = Household(company=company, approvers=settings.signers, members=members)
    connections = load_connections(settings.connections) if settings.connections else Connections()
    ballots = StoredBallots(
        engine=database, clock=clock, people=people, journal=audit, mailing=connections.subscriptions
    )
    pool, spec = open_pool(settings, partial(_reached, spans)), spec_of(settings)
    stack.push_async_callback(pool.close)
    backend, leases = ListenedBackend(backend=pool, tracer=spans.tracer), Leases()
    store = Store(settings.home / "store")
    obedient = backend if served_to else FencedBackend(backend, leases)  # that server has no leases of ours
    workspaces = Workspaces(backend=obedient, store=store, spec=spec)
    stack.push_async_callback(workspaces.close)
    catalogue = load_catalogue(settings.catalogue)
    masks = Masks(store, personal=settings.mask_personal)
    board = open_board(
        settings, catalogue, stack, engine=database, policy=Policies(store, catalogue.policy), clock=clock,
        tracer=spans.tracer, given=given, masker=partial(masker_of, masks, masks.personal),
    )  # fmt: skip
    desk = Desk(board=board, repair=Repair(), timeout_s=settings.model_timeout_s)
    resumer = replace(people.voter(served_to, settings.org), surface="langgraph") if served_to else None
    revise = Reviser(engine=RiskEngine(), store=store, require=company.requirement)
    staff = hire(
        settings, desk, store=store, masks=masks, workspaces=workspaces, ballots=ballots, spans=spans, revise=revise,
        clock=clock,
        resume_votes_as=resumer,
    )  # fmt: skip
    engine = Engine(
        graph=coding(staff, checkpointer=saver), runs=runs, ballots=ballots, workspaces=workspaces, store=store,
        spans=RunSpans(spans), org=settings.org, clock=clock, ended=_ended(settings),
        lease_for=timedelta(seconds=settings.lease_s), leases=leases,
    )  # fmt: skip
    return House(
        settings=settings, org=settings.org, engine=engine, staff=staff, ballots=ballots, store=store,
        backend=backend, pool=pool, spec=spec, people=people, desk=desk, audit=audit, revise=revise,
        connections=connections, server=rows.server,
    )  # fmt: skip


async def _make_tables(database: AsyncEngine) -> None:
    """Every table that a SQLite file lacks."""
    await create_all(database)
    await ModelTables(engine=database, writing=writing).create_all()
    async with writing(database) as connection:
        await connection.run_sync(METADATA.create_all)
        await connection.run_sync(audit_tables.create_all)


def hire(
    settings: Settings,
    desk: Desk,
    *,
    store: Store,
    masks: Masks,
    workspaces: Workspaces,
    ballots: Ballots,
    spans: Tracing,
    revise: Reviser,
    clock: Clock = now,
    resume_votes_as: Voter | None = None,
) -> Staff:
    """Give every node its colleague."""
    risk, require, says = revise.engine, revise.require, wordings(settings)
    return Staff(
        receive=Receiver(store=store, masks=masks, roster=desk, clock=clock),
        plan=Planner(workspaces=workspaces, store=store, masks=masks, roster=desk, prompt=says["plan"], clock=clock,
                     tracer=spans.tracer),
        execute=Executor(
            workspaces=workspaces, store=store, masks=masks, roster=desk, engine=risk, require=require, ballots=ballots,
            prompt=says["execute"], judging=says["judge"], clock=clock, tracer=spans.tracer,
            provider_seconds=settings.repair_seconds,
        ),
        observe=Observer(prompt=says["observe"]),
        replan=Replanner(
            workspaces=workspaces, roster=desk, prompt=says["replan"], planner=says["plan"], clock=clock
        ),
        review=Reviewer(
            workspaces=workspaces, store=store, masks=masks, roster=desk, engine=risk, prompt=says["review"],
            clock=clock, tracer=spans.tracer,
        ),
        assess=Assessor(engine=risk, store=store, require=require, tracer=spans.tracer),
        ask=Asker(ballots=ballots, masks=masks),
        wait=Waiter(ballots=ballots, clock=clock, voter=resume_votes_as, revise=revise,
                    decided=partial(_decided, spans)),
        deliver=Deliverer(delivery=Delivery(store), ballots=ballots),
        tracer=spans.tracer,
    )  # fmt: skip


def _tracing(settings: Settings, redactor: Redactor, metrics: Metrics):  # noqa: ANN202  an async context manager of Tracing
    destinations = []
    if settings.otlp_endpoint:
        headers = settings.otlp_headers.get_secret_value() if settings.otlp_headers else ""
        destinations.append(to_collector(settings.otlp_endpoint, headers))
    if settings.langfuse_host and settings.langfuse_public_key and settings.langfuse_secret_key:
        secret = settings.langfuse_secret_key.get_secret_value()
        destinations.append(
            to_langfuse(settings.langfuse_host, public_key=settings.langfuse_public_key, secret_key=secret)
        )
    return tracing(folder=settings.home / "traces", destinations=destinations, redactor=redactor,
                   listeners=(metrics.heard,),
                   content=settings.trace_content, version=version("signoff"))  # fmt: skip


async def _witnessed(audit: Audit) -> None:
    """What was done in this house is witnessed before it closes."""
    try:
        await audit.witnessed()
    except (OSError, SQLAlchemyError) as error:
        structlog.get_logger("signoff.audit").warning("no checkpoint", error=type(error).__name__)


def _audit(settings: Settings, database: AsyncEngine, clock: Clock) -> Audit:
    keys = settings.home / "keys"
    return Audit(
        engine=database,
        clock=clock,
        subjects=Subjects(master=own_key(keys, "audit-subjects")),
        witness=Folder(path=settings.audit_witness or settings.home / "audit"),
        signing_key=Ed25519PrivateKey.from_private_bytes(own_key(keys, "audit-signing")),
    )


def _ended(settings: Settings) -> Ended:
    """With Langfuse configured, a run that ended gets its scores there."""
    if not (settings.langfuse_host and settings.langfuse_public_key and settings.langfuse_secret_key):
        return nobody
    secret = settings.langfuse_secret_key.get_secret_value()
    scores = Scores(
        host=settings.langfuse_host,
        public_key=settings.langfuse_public_key,
        secret_key=secret,
        redactor=Redactor(secrets=settings.secrets),
    )

    async def ended(standing: Standing) -> None:
        await Scorekeeper(scores=scores).keep(standing.run.id, standing.values, at=standing.run.updated_at)

    return ended


def _reached(spans: Tracing, passage: Passage) -> None:
    """Every connection that a sandbox tried stands in the trace of its run."""
    spans.reached(passage.run, told(passage))


def _decided(spans: Tracing, ballot: Ballot) -> None:
    """A question that a person decided is a span from asking to deciding."""
    if ballot.decided_at is None or not ballot.requirement.humans:
        return
    who = Identity(run=ballot.run, org=ballot.org, user=ballot.requester)
    spans.waited(who, ballot=ballot.id, tier=ballot.tier, state=ballot.state, asked_at=ballot.created_at,
                 decided_at=ballot.decided_at)  # fmt: skip
