"""Application: every room, opened as the settings say. Only ``service/wiring/`` opens the back rooms."""

import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial

from rich.console import Console
from rich.tree import Tree
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Ballots, Clock, Voter, Voting, default_policy
from approvals.channels import Connections, load_connections
from approvals.storage import StoredBallots
from database import now
from domain import Refused
from forges import Forges, ForgeSettings
from forges.inbound import ForgeHook
from graphs import Nodes, coding
from memory import MemoryBook
from models import Model, Role
from models.repair import Repair
from models.routing import Catalogue, ModelRouter, load_catalogue
from models.wrappers import Decisions
from nodes._masking import Masks
from nodes.rating.rules import Reviser
from retrieval import IndexFolder
from risk import RiskEngine
from sandbox import Backend, Check, Pool, Spec, Store
from sandbox.environments import Environments
from service.auth.directory import Members
from service.auth.four_eyes import FourEyes, LocalDirectory, local_user
from service.auth.secrets import ensure_same_keys
from service.memory.changes import MemoryChanges
from service.memory.ended_runs import EndedRuns
from service.memory.rebuilding import MemoryRebuild
from service.prompts.selection import RunPrompts
from service.runs.engine import RunEngine, nobody
from service.runs.fenced_backend import FencedBackend
from service.runs.runs import Run, RunLeases, Runs
from service.settings import Settings
from service.storage.migrations import ensure_migrated, prepare_sqlite
from service.storage.open import Storage, open_storage
from service.storage.schema import make_tables
from service.wiring.coding.coder import open_tools
from service.wiring.coding.learning import learning_from
from service.wiring.coding.memory import open_book, open_ended_runs, open_recall, remembering
from service.wiring.coding.nodes import build_nodes
from service.wiring.coding.prompts import open_prompts
from service.wiring.content import open_content
from service.wiring.environments import open_workspaces
from service.wiring.forges import both, forge_settings, mailing, open_publisher, open_status
from service.wiring.models import ModelSelection, Policies, masker_of, open_router, probe_endpoints
from service.wiring.plans import Plans, open_plans, plan_file
from service.wiring.sandboxes import open_pool, spec_of
from service.wiring.search import RepositorySearch
from service.wiring.telemetry import (
    RunSpans,
    open_audit,
    open_tracing,
    scored_when_ended,
    trace_passage,
    witnessed,
)
from telemetry import Metrics, Redactor, SpanNode, TracedBackend, Tracing, logging_as, read_trace, render
from telemetry.audit import Audit


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """Everything a command needs, opened."""

    settings: Settings
    engine: RunEngine
    nodes: Nodes
    """Of the engine's graph."""
    ballots: Ballots
    store: Store
    backend: Backend
    pool: Pool
    spec: Spec
    people: LocalDirectory
    selection: ModelSelection
    audit: Audit
    revise: Reviser
    forges: Forges
    """Those that are configured."""
    search: RepositorySearch
    ended_runs: EndedRuns
    prompts: RunPrompts
    """Which versions runs speak."""
    forge_hooks: Sequence[ForgeHook] = ()
    """What may come in from forges."""
    connections: Connections = field(default_factory=Connections)
    metrics: Metrics = field(default_factory=Metrics)
    plans: Plans | None = None
    server: str | None = field(default=None, repr=False)
    """libpq's URL of the PostgreSQL server; None: SQLite."""

    @property
    def org(self) -> str:
        return self.settings.org

    async def witnessed(self) -> None:
        """Have the witness keep how the audit stands."""
        if not await witnessed(self.audit):
            self.metrics.happened("witness_failed")

    def person(self, name: str | None = None) -> Voter:
        """Who signs at this terminal: the named person in solo mode, else who is logged in.

        Raises:
            Refused: ``sign_as_refused`` for anybody else's name in team mode.
        """
        if name not in {None, local_user()} and self.people.mode != "solo":
            raise Refused(
                "In team mode everybody signs as themselves.",
                code="sign_as_refused",
                hint="Sign without --as, or over HTTP with a login of your own.",
            )
        return self.people.voter(name or local_user(), self.org)

    @property
    def voting(self) -> Voting:
        """Takes the answers of this terminal. Its own run goes on here, one of a server by that maintenance loop."""
        return Voting(ballots=self.ballots, clock=self.engine.clock)

    @property
    def memory_changes(self) -> MemoryChanges:
        """What people change of memories."""
        return MemoryChanges(
            book=self.memory, audit=self.audit, engine=self.engine.runs.engine, clock=self.engine.clock
        )

    @property
    def rebuild_memory(self) -> MemoryRebuild:
        """Makes the memories of an organisation anew from its runs."""
        return MemoryRebuild(engine=self.engine, ended=self.ended_runs, audit=self.audit)

    @property
    def memory(self) -> MemoryBook:
        """What runs remember."""
        return self.ended_runs.book

    @property
    def environments(self) -> Environments | None:
        """What sets environments up; None: the backend keeps none."""
        return self.nodes.receive.set_up.environments

    def warm(self) -> None:
        """Begin to start a sandbox, in the background: who calls this is about to need one."""
        self.pool.warm(self.spec)

    @property
    def board(self) -> ModelRouter:
        """Chooses models."""
        return self.selection.board

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
        principal = (
            f"model {coder}" if coder else "built-in repair engine (no model configured: SIGNOFF_MODEL_BASE_URL)"
        )
        where = "/".join(filter(None, (self.settings.sandbox, self.spec.runtime)))
        console.print(f"[dim]coder: {principal} · sandbox: {where}[/]", highlight=False)

    async def spans(self, run: str) -> SpanNode:
        """The run's tree of spans."""
        return await read_trace(self.settings.home / "traces", run)

    async def probe_models(self) -> tuple[Check, ...]:
        """Ask every endpoint what it serves; without one there is nothing to ask."""
        return await probe_endpoints(self.board)

    async def probe_forges(self) -> tuple[Check, ...]:
        """Ask every forge of SIGNOFF_FORGES whether deliveries and hooks can work."""
        if not self.forges.entries:
            return ()
        from service.forges.checks import check_forges  # noqa: PLC0415  one command needs it

        return await check_forges(self.forges, self.forge_hooks, self.settings.home_url, self.engine.clock())

    @staticmethod
    def drawn(branch: SpanNode) -> Tree:
        """The spans as a tree for a terminal."""
        return render(branch)

    async def cancel(self, run: Run, principal: str) -> None:
        """End a run for good, and everything that waits on it."""
        await self.ballots.kill(run.id, self.people.voter(principal, self.org))
        await self.engine.runs.cancel(run.id, now=self.engine.clock())


@asynccontextmanager
async def open_application(
    settings: Settings,
    *,
    served_to: str | None = None,
    models: Mapping[Role, Model] | None = None,
    clock: Clock = now,
) -> AsyncGenerator[Application]:
    """Open every room for as long as the block runs; nothing is left behind.

    ``served_to``: the graph is for a LangGraph server that brings its own checkpointer, and its resume
    values are the votes of this person. ``models``: who is asked instead of the endpoints in the settings.
    ``clock``: what time it is for approvals, budgets, leases and the audit.
    """
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with AsyncExitStack() as stack:
        forges, limits = forge_settings(settings), plan_file(settings)
        redactor = Redactor(secrets=(*settings.secrets, *forges.secrets, *(limits.secrets if limits else ())))
        if served_to is None:  # a LangGraph server has logs of its own
            logs = logging_as(level=settings.log_level, as_json=settings.log_json, redactor=redactor, stream=sys.stderr)
            stack.enter_context(logs)
        metrics = Metrics()
        metrics.watch_process()
        spans = await stack.enter_async_context(open_tracing(settings, redactor, metrics))
        storage = await open_storage(settings, stack)
        database = storage.engine
        if storage.server is not None:
            # Tables on a server are shared: changing them is for who runs it to say, and not for any command.
            await ensure_migrated(database)
            # Before a key of our own is made for lack of theirs.
            await ensure_same_keys(
                database, settings.home / "keys", configured=("pepper",) if settings.key_pepper else ()
            )
        audit = open_audit(settings, database, clock)
        # Left behind everything that is opened later, and before the engine: by then nothing more is written.
        stack.push_async_callback(witnessed, audit)
        if storage.server is None:
            await prepare_sqlite(database, partial(make_tables, database))
        four_eyes = FourEyes(
            engine=database, org=settings.org, policy=default_policy(), configured=settings.mode, clock=clock
        )
        # Asked once before anything starts: a team must not begin as solo because nobody has logged in yet.
        await four_eyes.look()
        people = LocalDirectory(four_eyes=four_eyes, approvers=settings.signers, members=Members(engine=database))
        connections = load_connections(settings.connections) if settings.connections else Connections()
        told = mailing(forges, connections)
        ballots = StoredBallots(engine=database, clock=clock, people=people, journal=audit, mailing=told)
        plans = open_plans(settings, limits, database, audit, connections, clock)
        prompts = open_prompts(settings, database, audit=audit, told=told, clock=clock)
        application = _assemble(
            settings, stack, spans, storage, people, ballots, audit, prompts, forges, plans, served_to, models, clock
        )
        yield replace(
            application,
            metrics=metrics,
            plans=plans,
            forge_hooks=forges.hooks,
            connections=connections,
            server=storage.server,
        )


def _assemble(  # noqa: PLR0917
    settings: Settings,
    stack: AsyncExitStack,
    spans: Tracing,
    storage: Storage,
    people: LocalDirectory,
    ballots: Ballots,
    audit: Audit,
    prompts: RunPrompts,
    forges: ForgeSettings,
    plans: Plans | None,
    served_to: str | None,
    models: Mapping[Role, Model] | None,
    clock: Clock,
) -> Application:
    pool, spec = open_pool(settings, partial(trace_passage, spans), stack.push_async_callback), spec_of(settings)
    backend, leases = TracedBackend(backend=pool, tracer=spans.tracer), RunLeases()
    store, tools = open_content(settings, storage, clock), open_tools(settings, stack)
    fenced = backend if served_to else FencedBackend(backend, leases)  # that server has no leases of ours
    workspaces, environments = open_workspaces(settings, fenced, store, spec, spans, stack.push_async_callback)
    masks, indexes = Masks(store, personal=settings.mask_personal), IndexFolder(settings.home / "index")
    selection = _select_models(settings, stack, storage.engine, store, masks, spans, plans, models, clock)
    revise = Reviser(engine=RiskEngine(), store=store, require=people.four_eyes.requirement)
    ended_runs = open_ended_runs(store, ballots, open_book(settings, storage.engine, clock))
    nodes = build_nodes(
        settings,
        selection,
        tools=tools,
        masks=masks,
        indexes=indexes,
        workspaces=workspaces,
        environments=environments,
        ballots=ballots,
        spans=spans,
        revise=revise,
        publisher=open_publisher(forges, store, clock, stack.push_async_callback),
        clock=clock,
        recall=open_recall(settings, ended_runs.book),
        prompts=prompts,
        resume_votes_as=replace(people.voter(served_to, settings.org), surface="langgraph") if served_to else None,
    )
    engine = _engine(settings, storage, spans, nodes, leases, selection, ended_runs, plans, served_to is None, clock)
    return Application(
        settings=settings,
        engine=replace(engine, rested=prompts.rested),
        nodes=nodes,
        ballots=ballots,
        store=store,
        backend=backend,
        pool=pool,
        spec=spec,
        people=people,
        selection=selection,
        audit=audit,
        revise=revise,
        search=RepositorySearch(store=store, masks=masks, indexes=indexes, folder=settings.home / "index"),
        ended_runs=ended_runs,
        prompts=prompts,
        forges=nodes.deliver.publisher.forges,
    )


def _engine(  # noqa: PLR0917
    settings: Settings,
    storage: Storage,
    spans: Tracing,
    nodes: Nodes,
    leases: RunLeases,
    selection: ModelSelection,
    ended_runs: EndedRuns,
    plans: Plans | None,
    alone: bool,
    clock: Clock,
) -> RunEngine:
    deliver = nodes.deliver
    graph = coding(nodes, checkpointer=storage.saver if alone else None)  # a LangGraph server brings its own
    status = open_status(deliver.publisher.forges, graph)
    return RunEngine(
        graph=graph,
        runs=Runs(engine=storage.engine, admit=plans.metering.admit_run if plans else None),
        ballots=deliver.ballots,
        workspaces=nodes.plan.workspaces,
        store=deliver.delivery.store,
        spans=RunSpans(spans),
        org=settings.org,
        clock=clock,
        ended=both(
            both(both(scored_when_ended(settings), status.ended), learning_from(selection.board)),
            remembering(settings, ended_runs),
        ),
        began=status.began if status.forges.entries else nobody,
        lease_for=timedelta(seconds=settings.lease_s),
        leases=leases,
        stop=nodes.team.running.stop,
    )


def _select_models(  # noqa: PLR0917
    settings: Settings,
    stack: AsyncExitStack,
    database: AsyncEngine,
    store: Store,
    masks: Masks,
    spans: Tracing,
    plans: Plans | None,
    models: Mapping[Role, Model] | None,
    clock: Clock,
) -> ModelSelection:
    catalogue = load_catalogue(settings.catalogue)
    board = open_router(
        settings,
        catalogue,
        stack,
        engine=database,
        policy=Policies(store, catalogue.policy),
        clock=clock,
        tracer=spans.tracer,
        models=models,
        plans=plans,
        masker=partial(masker_of, masks, masks.personal),
    )
    return ModelSelection(
        board=board, repair=Repair(), timeout_s=settings.model_timeout_s, coder_dialect=settings.coder_dialect
    )
