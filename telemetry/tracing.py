"""Tracing, set up and torn down: a tracer provider of our own, nothing global."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, SpanContext, Tracer

from domain import Tier
from domain.decision import BallotState
from telemetry.identity import Identity, beginning, part_before, run_context
from telemetry.otlp import Destination, OtlpExporter
from telemetry.redact import Redactor
from telemetry.span_files import SpanFiles
from telemetry.span_processor import HeadSampler, Listener, RedactingProcessor, RunIdGenerator

QUEUE = 4_096
BATCH = 256
DELAY_MS = 1_000
LONGEST = 32_768
"""Characters of one attribute."""
CLOSE_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Tracing:
    """A running set-up. ``tracer`` goes to whoever makes spans, ``context`` to whoever runs runs."""

    tracer: Tracer
    provider: TracerProvider

    def context(self, run: str) -> Context:
        """Return the context in which spans of ``run`` are started (see ``run_context``)."""
        return run_context(run)

    def begin(self, identity: Identity, *, part: int = 0) -> SpanContext:
        """Write the root span of a run, ``invoke_workflow coding_run``; it ends at once."""
        # The SDK asks ``RunIdGenerator`` without a context of its own: it looks at the one that is current.
        token = contexts.attach(beginning(identity, part=part))
        try:
            span = self.tracer.start_span("invoke_workflow coding_run", links=part_before(identity.run, part))
        finally:
            contexts.detach(token)
        span.set_attributes(
            {
                "gen_ai.operation.name": "invoke_workflow",
                "gen_ai.workflow.name": "coding_run",
                "langfuse.observation.type": "chain",
            }
        )
        # At once: a run may wait for days, and any process hangs spans from it meanwhile.
        span.end()
        return span.get_span_context()

    def waited(
        self,
        identity: Identity,
        *,
        ballot: str,
        tier: Tier,
        state: BallotState,
        asked_at: datetime,
        decided_at: datetime,
        links: Sequence[SpanContext] = (),
    ) -> SpanContext:
        """Write the span ``approval.wait`` of a question that was decided; nothing is left open while it waits.

        ``links``: the segment that asked, and the approver's own request. Both times carry a zone.
        """
        span = self.tracer.start_span(
            "approval.wait",
            context=run_context(identity),
            start_time=_nanoseconds(asked_at),
            links=[Link(context) for context in links],
            attributes={
                "langfuse.observation.type": "span",
                "app.ballot": ballot,
                "app.tier": tier,
                "app.ballot.state": state,
            },
        )
        span.end(_nanoseconds(decided_at))
        return span.get_span_context()

    def reached(self, run: str, attributes: Mapping[str, str | int]) -> None:
        """Write the span ``sandbox.egress`` of one connection that a sandbox of ``run`` tried, allowed or refused."""
        described = {"langfuse.observation.type": "span", **attributes}
        self.tracer.start_span("sandbox.egress", context=run_context(run), attributes=described).end()

    async def flush(self) -> None:
        """Send what was recorded so far; takes at most as long as the exporters' time-outs."""
        await asyncio.to_thread(self.provider.force_flush)


@asynccontextmanager
async def tracing(
    *,
    folder: Path | None,
    destinations: Sequence[Destination] = (),
    redactor: Redactor | None = None,
    ratio: float = 1.0,
    content: bool = False,
    version: str = "",
    environment: str = "",
    listeners: Sequence[Listener] = (),
    close_s: float = CLOSE_S,
) -> AsyncGenerator[Tracing]:
    """Record spans while the body runs.

    Args:
        folder: where the local files go, one a run (made when needed, readable for its owner only);
            None: no local files.
        destinations: where spans are sent, in batches, by threads of their own. A destination that does not
            answer costs spans, never time of a run.
        redactor: takes secrets out before anything leaves.
        ratio: share of the runs that is sent; local files and listeners get all of them.
        content: keep prompts and answers (redacted).
        version, environment: what the resource says of this installation.
        listeners: called with every ended span, already clean; metrics, for one. They must be quick.
        close_s: the longest that the end of the body waits for what is still to be sent.
    """
    exporters = [
        BatchSpanProcessor(
            OtlpExporter(destination=destination),
            max_queue_size=QUEUE,
            max_export_batch_size=BATCH,
            schedule_delay_millis=DELAY_MS,
            export_timeout_millis=int(close_s * 1_000),
        )
        for destination in destinations
    ]
    provider = TracerProvider(
        sampler=HeadSampler(ratio),
        resource=_resource(version, environment),
        id_generator=RunIdGenerator(),
        span_limits=SpanLimits(max_attribute_length=LONGEST, max_events=64, max_links=16),
        # It ends with the block below, and not when the process does.
        shutdown_on_exit=False,
    )
    provider.add_span_processor(
        RedactingProcessor(
            redactor=redactor or Redactor(),
            files=SpanFiles(folder=folder) if folder else None,
            exporters=exporters,
            listeners=listeners,
            content=content,
        )
    )
    try:
        yield Tracing(tracer=provider.get_tracer("signoff", version or None), provider=provider)
    finally:
        await asyncio.to_thread(_close, provider, close_s)


def _nanoseconds(at: datetime) -> int:
    """Nanoseconds since the epoch, exact to the microsecond."""
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1) * 1_000


def _close(provider: TracerProvider, seconds: float) -> None:
    """Shut down, but leave a destination that hangs to its daemon thread."""
    closing = threading.Thread(target=provider.shutdown, name="signoff-tracing-close", daemon=True)
    closing.start()
    closing.join(seconds)


def _resource(version: str, environment: str) -> Resource:
    """Who speaks. ``Resource`` itself, not ``Resource.create``, which reads the environment."""
    attributes = {
        "service.name": "signoff",
        "service.namespace": "signoff",
        "service.version": version,
        "service.instance.id": str(uuid4()),
        "deployment.environment.name": environment,
        "telemetry.sdk.name": "opentelemetry",
        "telemetry.sdk.language": "python",
    }
    return Resource({key: text for key, text in attributes.items() if text})
