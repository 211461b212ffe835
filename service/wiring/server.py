"""Wiring of a server: everything a request needs, opened once for the process, and the dispatcher it runs on."""

import asyncio
import base64
import fcntl
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import IO, cast

import httpx
from langgraph.checkpoint.base import BaseCheckpointSaver
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals.channels import InboundWebhooks, Links, SsrfGuard, WebhookSender, new_client
from approvals.storage import StoredOutbox, StoredReplayGuard
from database import now
from domain import Refused
from service.auth.allowed import AllowedRepositories, PublicUrls, listed
from service.auth.api_keys import ApiKeys, subjects
from service.auth.directory import Members
from service.auth.oidc import Issuer
from service.auth.rate_limits import Limiter, LocalRates, SharedRates
from service.auth.secrets import own_key
from service.errors import refuse
from service.forges.approvals import ENDPOINT, ForgeApprovals
from service.forges.receiver import ForgeWebhooks
from service.maintenance import Maintenance
from service.queue.embedded import EmbeddedDispatcher
from service.retention import Retention
from service.runs.dispatcher import Dispatcher
from service.runs.engine import RunEngine
from service.runs.event_log import TurnEvents
from service.runs.executor import TurnExecutor
from service.runs.runs import Run
from service.runs.submission import Submission
from service.runs.threads import Threads
from service.runs.turns import Turn, Turns
from service.settings import Settings
from service.storage.assistants import Assistants
from service.storage.crons import Crons
from service.storage.items import Items
from service.wiring.application import Application
from service.wiring.caches import Caches
from service.wiring.content import ensure_reachable
from service.wiring.forge_inbox import ForgeInbox, open_forge_inbox
from service.wiring.readings import Counts, MetricsPage, metrics_page


async def engine_of(application: Application, executor: TurnExecutor, stack: AsyncExitStack) -> Dispatcher:
    """Who performs turns: this process alone, or whoever takes a job from the queue."""
    settings = application.settings
    if application.server is None:
        if not settings.workers:
            raise refuse("server_needed", "With SIGNOFF_WORKERS=0 nobody would perform runs: workers need a server.")
        events = TurnEvents(engine=executor.turns.engine)
        return EmbeddedDispatcher(executor=executor, events=events, at_once=settings.workers, drain_s=settings.drain_s)
    from service.queue.distributed import open_distributed  # noqa: PLC0415  its drivers are an extra

    return await stack.enter_async_context(
        open_distributed(
            application.server,
            executor,
            at_once=settings.workers,
            lease_s=settings.lease_s,
            drain_s=settings.drain_s,
            rescued=partial(application.metrics.happened, "job_rescued"),
        )
    )


@contextmanager
def alone_in(home: Path) -> Generator[None]:
    """Hold the folder's lock. Raises ``already_serving`` when another server of this machine has it."""
    file: IO[str] = (home / "serve.lock").open("w")
    try:
        # The kernel gives it back when the process dies, however it does.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise refuse("already_serving", "Another server works on this home folder.") from None
    try:
        yield
    finally:
        file.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContext:
    """What the routes work with."""

    application: Application
    settings: Settings
    threads: Threads
    turns: Turns
    dispatch: Dispatcher
    submission: Submission
    keys: ApiKeys
    members: Members
    issuer: Issuer | None
    hooks: InboundWebhooks
    forge_webhooks: ForgeWebhooks
    links: Links
    messages: StoredReplayGuard
    items: Items
    assistants: Assistants
    crons: Crons
    limiter: Limiter
    maintenance: Maintenance
    metrics_page: MetricsPage
    started_at: datetime

    async def turn_of(self, named: str, org: str, *, thread: str) -> Turn:
        """A turn of a thread that is there. Raises ``turn_not_found``, ``thread_not_found``."""
        turn = await self.turns.get(named, org, thread=thread)
        await self.threads.get(turn.thread, org)
        return turn

    async def run_of(self, named: str, org: str) -> Run:
        """The run of ours that an id means: its own, its thread's (the same), or one of a turn of it."""
        with suppress(Refused):
            named = (await self.turns.get(named, org)).thread
        await self.threads.get(named, org)
        run = await self.application.engine.runs.exactly(named, org=org)
        if run is None:
            raise Refused(
                f"Nothing was done on thread {named!r} yet.",
                code="run_not_found",
                hint="Start a run: POST /threads/{thread_id}/runs",
            )
        return run

    @property
    def database(self) -> AsyncEngine:
        return self.application.engine.runs.engine


def pepper(settings: Settings) -> bytes:
    """What is mixed into stored API keys."""
    configured = settings.key_pepper
    return configured.get_secret_value().encode() if configured else own_key(settings.home / "keys", "pepper")


def keys_of(application: Application) -> ApiKeys:
    """The API keys of an installation; the audit has their changes."""
    settings = application.settings
    return ApiKeys(
        engine=application.engine.runs.engine,
        clock=now,
        pepper=pepper(settings),
        journal=application.audit,
        named=settings.signers,
        session_for=settings.session_for,
        admit=application.plans.metering.admit_seat if application.plans else None,
    )


@asynccontextmanager
async def open_server_context(application: Application, *, walks: bool = True) -> AsyncGenerator[ServerContext]:
    """Take up the work where it was left, and put it down in order at the end.

    ``walks`` False: this process leaves the maintenance loop to another one on the same database.
    """
    settings = application.settings
    alone = nullcontext() if application.server else alone_in(settings.home)
    with alone:
        await ensure_reachable(application.store)
        async with AsyncExitStack() as stack:
            posting = await stack.enter_async_context(new_client())
            asking = await stack.enter_async_context(httpx.AsyncClient(timeout=10.0))
            context = await _assemble(application, posting, asking, stack)
            await context.maintenance.take_up()
            maintenance = asyncio.create_task(context.maintenance.walk()) if walks else None
            try:
                yield context
            finally:
                # First the walk: it would begin new turns while the dispatcher drains.
                if maintenance is not None:
                    maintenance.cancel()
                    with suppress(asyncio.CancelledError):
                        await maintenance
                await context.dispatch.close()


async def _assemble(
    application: Application, posting: httpx.AsyncClient, asking: httpx.AsyncClient, stack: AsyncExitStack
) -> ServerContext:
    settings, database = application.settings, application.engine.runs.engine
    if settings.mode == "team":
        await application.people.four_eyes.become_team()
    # One server per home folder, so what an earlier one held when it was killed is ours at once.
    engine = application.engine if application.server else replace(application.engine, owner="serve")
    threads, turns = Threads(engine=database), Turns(engine=database)
    executor = TurnExecutor(engine=engine, threads=threads, turns=turns, clock=now)
    dispatch = await engine_of(application, executor, stack)
    submission = _submission(application, engine, threads, turns, dispatch)
    keys = keys_of(application)
    messages = StoredReplayGuard(engine=database, clock=now)
    links = Links(key=own_key(settings.home / "keys", "links"), clock=now)
    inbox = open_forge_inbox(application, submission, keys, database)
    return ServerContext(
        application=application,
        settings=settings,
        threads=threads,
        turns=turns,
        dispatch=dispatch,
        submission=submission,
        keys=keys,
        members=Members(engine=database, others=subjects, named=settings.signers, admit=keys.admit),
        issuer=_issuer(settings, asking),
        hooks=InboundWebhooks(
            voting=submission.voting,
            people=application.people,
            memory=messages,
            clock=now,
            integrations=application.connections.hooks,
        ),
        forge_webhooks=inbox.webhooks,
        messages=messages,
        items=Items(engine=database, clock=now),
        assistants=Assistants(engine=database, clock=now),
        crons=Crons(engine=database, clock=now),
        links=links,
        started_at=now(),
        limiter=Limiter(
            per_caller=settings.rate_per_minute,
            per_address=settings.rate_per_minute_ip,
            rates=SharedRates(engine=database) if application.server else LocalRates(),
        ),
        maintenance=_maintenance(application, submission, posting, links, keys, inbox),
        metrics_page=metrics_page(application, _pools(application, dispatch)),
    )


def _pools(application: Application, dispatch: Dispatcher) -> Mapping[str, Counts]:
    """The pools of the driver itself: those of the queue and of the checkpoints."""
    if application.server is None:
        return {}
    from database.pool import pool_counts  # noqa: PLC0415  its driver is an extra
    from service.queue.distributed import DistributedDispatcher  # noqa: PLC0415
    from service.storage.postgres_checkpoints import FencedPostgres  # noqa: PLC0415

    saver = application.engine.graph.checkpointer
    pools: dict[str, Counts] = {}
    if isinstance(dispatch, DistributedDispatcher):
        pools["queue"] = lambda: pool_counts(dispatch.queue.pool)
    if isinstance(saver, FencedPostgres):
        pools["checkpoints"] = lambda: pool_counts(saver.pool)
    return pools


def _maintenance(  # noqa: PLR0917
    application: Application,
    submission: Submission,
    posting: httpx.AsyncClient,
    links: Links,
    keys: ApiKeys,
    inbox: ForgeInbox,
) -> Maintenance:
    settings, database = application.settings, application.engine.runs.engine
    saver = application.engine.graph.checkpointer
    return Maintenance(
        engine=database,
        ballots=application.ballots,
        submission=submission,
        sender=WebhookSender(
            outbox=StoredOutbox(engine=database, clock=now),
            subscriptions=application.connections.subscriptions,
            client=posting,
            guard=SsrfGuard(allow=application.connections.allow),
            clock=now,
            link=PublicUrls(links=links, home=settings.home_url),
            elsewhere={
                ENDPOINT: ForgeApprovals(
                    forges=application.forges,
                    ballots=application.ballots,
                    standing=lambda run, org: submission.of(org).standing(run),
                    link=PublicUrls(links=links, home=settings.home_url),
                )
            },
            # As Standard Webhooks writes a secret.
            run_secret=f"whsec_{base64.b64encode(own_key(settings.home / 'keys', 'run-webhooks')).decode()}",
        ),
        dispatch=submission.dispatch,
        witnessed=application.witnessed,
        failed=partial(application.metrics.happened, "round_failed"),
        retention=Retention(
            engine=database,
            files=application.store,
            indexes=application.search.indexes,
            home=settings.home,
            threads=submission.threads,
            turns=submission.turns,
            dispatch=submission.dispatch,
            keep=timedelta(days=settings.keep_days),
            clock=now,
            checkpoints=cast("BaseCheckpointSaver[str]", saver) if isinstance(saver, BaseCheckpointSaver) else None,
        ),
        crons=Crons(engine=database, clock=now),
        forge_events=inbox.work,
        tend_caches=Caches(application=application).tend,
        may_act=keys.active,
        clock=now,
    )


def _submission(
    application: Application,
    engine: RunEngine,
    threads: Threads,
    turns: Turns,
    dispatch: Dispatcher,
) -> Submission:
    settings = application.settings
    may_use = AllowedRepositories(allowed=listed(settings.repos), anything=settings.loopback)
    if not may_use.unlimited:
        application.store.restrict(may_use.opened)  # asked again when it is read: a link may have been changed since
    return Submission(
        engine=engine,
        threads=threads,
        turns=turns,
        ballots=application.ballots,
        dispatch=dispatch,
        assistants=Assistants(engine=threads.engine, clock=now),
        clock=now,
        revise=application.revise,
        may_use=may_use,
        default_repo=settings.default_repo,
    )


def _issuer(settings: Settings, asking: httpx.AsyncClient) -> Issuer | None:
    if not settings.oidc_issuer:
        return None
    if not (settings.oidc_audience and settings.oidc_jwks_url):
        raise refuse("authentication_needed", "An issuer needs SIGNOFF_OIDC_AUDIENCE and SIGNOFF_OIDC_JWKS_URL, too.")
    return Issuer(
        issuer=settings.oidc_issuer,
        audience=settings.oidc_audience,
        jwks_url=settings.oidc_jwks_url,
        client=asking,
        algorithms=listed(settings.oidc_algorithms),
        default_org=settings.org,
    )
