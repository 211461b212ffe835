"""Telemetry of the application: its traces, its audit with a witness, and the scores of runs that ended."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from opentelemetry.trace import Span
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Ballot, Clock
from domain import SignoffError
from sandbox import EgressRecord
from service.auth.secrets import own_key
from service.runs.engine import Ended, nobody
from service.runs.runs import Run, RunState
from service.settings import Settings
from service.wiring.sandboxes import told
from telemetry import Identity, Metrics, Redactor, Tracing, run_context, to_collector, to_langfuse, tracing
from telemetry.audit import Audit, Folder, Subjects
from telemetry.langfuse import ExperimentItem, ScoreClient, ScoreReporter


@dataclass(frozen=True, slots=True)
class RunSpans:
    """One trace a run, one span a stretch of work; any process continues it."""

    tracing: Tracing

    @contextmanager
    def segment(self, run: Run) -> Generator[Span]:
        """See ``service.runs.engine.Spans``. The root span is written with the first segment and ends at once."""
        principal = Identity(run=run.id, org=run.org, user=run.requester)
        # Its id is known from the run, so segments of any process hang from it although nobody holds it open.
        if run.segment == 0:
            self.tracing.begin(principal)
        name = f"run.segment {run.segment + 1}"
        with self.tracing.tracer.start_as_current_span(name, context=run_context(principal)) as span:
            span.set_attribute("langfuse.observation.type", "chain")
            try:
                yield span
            except SignoffError as error:
                span.set_attribute("error.type", error.stable_code)
                raise

    def about(self, run: Run, name: str, item: ExperimentItem, attributes: Mapping[str, str | float | bool]) -> None:
        """Write a span into the trace of a run that says which item of an experiment the whole run answered."""
        principal = Identity(run=run.id, org=run.org, user=run.requester)
        with self.tracing.tracer.start_as_current_span(name, context=run_context(principal)) as span:
            root = f"{span.get_span_context().span_id:016x}"
            span.set_attributes({**attributes, **item.attributes(root)})


def open_tracing(settings: Settings, redactor: Redactor, metrics: Metrics):  # noqa: ANN201  an async context manager of Tracing
    destinations = []
    if settings.otlp_endpoint:
        headers = settings.otlp_headers.get_secret_value() if settings.otlp_headers else ""
        destinations.append(to_collector(settings.otlp_endpoint, headers))
    if settings.langfuse_host and settings.langfuse_public_key and settings.langfuse_secret_key:
        secret = settings.langfuse_secret_key.get_secret_value()
        destinations.append(
            to_langfuse(settings.langfuse_host, public_key=settings.langfuse_public_key, secret_key=secret)
        )
    return tracing(
        folder=settings.home / "traces",
        destinations=destinations,
        redactor=redactor,
        listeners=(metrics.heard,),
        content=settings.trace_content,
        version=version("signoff"),
    )


async def witnessed(audit: Audit) -> bool:
    """What was done in this house is witnessed before it closes; False: it could not be."""
    try:
        await audit.witnessed()
    # What the command did is done; a witness that cannot be reached is told of, and gets the next checkpoint.
    except (OSError, SQLAlchemyError) as error:
        structlog.get_logger("signoff.audit").warning("no checkpoint", error=type(error).__name__)
        return False
    return True


def open_audit(settings: Settings, database: AsyncEngine, clock: Clock) -> Audit:
    keys = settings.home / "keys"
    return Audit(
        engine=database,
        clock=clock,
        subjects=Subjects(master=own_key(keys, "audit-subjects")),
        witness=Folder(path=settings.audit_witness or settings.home / "audit"),
        signing_key=Ed25519PrivateKey.from_private_bytes(own_key(keys, "audit-signing")),
    )


def score_client(settings: Settings) -> ScoreClient | None:
    """Return the client of the Langfuse project that is configured; None: none is."""
    if not (settings.langfuse_host and settings.langfuse_public_key and settings.langfuse_secret_key):
        return None
    return ScoreClient(
        host=settings.langfuse_host,
        public_key=settings.langfuse_public_key,
        secret_key=settings.langfuse_secret_key.get_secret_value(),
        redactor=Redactor(secrets=settings.secrets),
    )


def scored_when_ended(settings: Settings) -> Ended:
    """With Langfuse configured, a run that ended gets its scores there."""
    if (scores := score_client(settings)) is None:
        return nobody

    async def ended(standing: RunState) -> None:
        await ScoreReporter(scores=scores).keep(standing.run.id, standing.values, at=standing.run.updated_at)

    return ended


def trace_passage(spans: Tracing, passage: EgressRecord) -> None:
    """Every connection that a sandbox tried stands in the trace of its run."""
    spans.reached(passage.run, told(passage))


def trace_decision(spans: Tracing, ballot: Ballot) -> None:
    """A question that a person decided is a span from asking to deciding."""
    if ballot.decided_at is None or not ballot.requirement.humans:
        return
    principal = Identity(run=ballot.run, org=ballot.org, user=ballot.requester)
    spans.waited(
        principal,
        ballot=ballot.id,
        tier=ballot.tier,
        state=ballot.state,
        asked_at=ballot.created_at,
        decided_at=ballot.decided_at,
    )
