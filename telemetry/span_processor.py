"""Span processor: a span learns whose it is, loses its secrets, and goes to the files, exporters and listeners."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import Event, ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, Status, get_current_span
from opentelemetry.util.types import Attributes
from typing_extensions import override

from telemetry.identity import INHERITED, beginning_of, identity_of
from telemetry.redact import Redactor
from telemetry.span_files import SpanFiles, ended, started

CONTENT = frozenset(
    {
        "gen_ai.input.messages",
        "gen_ai.output.messages",
        "gen_ai.system_instructions",
        "gen_ai.prompt",
        "gen_ai.completion",
        "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result",
        "gen_ai.tool.definitions",
        "langfuse.observation.input",
        "langfuse.observation.output",
        "langfuse.trace.input",
        "langfuse.trace.output",
        "input.value",
        "output.value",
    }
)
"""Attributes that hold prompts, answers, arguments and results."""

Listener = Callable[[ReadableSpan], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedactingProcessor(SpanProcessor):
    """Identity in, secrets and content out, then to the file, the exporters and the listeners."""

    redactor: Redactor
    files: SpanFiles | None = None
    exporters: Sequence[SpanProcessor] = ()
    listeners: Sequence[Listener] = ()
    content: bool = False

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Give the span the identity of its run, and write that it began."""
        known = dict(span.attributes or {})
        # What the span above, or else the context, says about whose work this is.
        above = getattr(get_current_span(parent_context), "attributes", None) or {}
        from_above = {key: str(above[key]) for key in INHERITED if key in above}
        identity = identity_of(parent_context)
        inherited = {**(identity.attributes() if identity else {}), **from_above}
        span.set_attributes({key: text for key, text in inherited.items() if key not in known})
        run = str(known.get("app.run.id") or inherited.get("app.run.id") or "")
        if self.files is not None and run:
            record = started(span)
            self.files.add(run, {**record, "name": self.redactor.text(span.name)})

    def on_end(self, span: ReadableSpan) -> None:
        """Pass a clean copy on."""
        # Once, for all of them: no exporter and no listener sees what was not redacted.
        clean = self.clean(span)
        run = str((clean.attributes or {}).get("app.run.id", ""))
        if self.files is not None and run:
            self.files.add(run, ended(clean, clean.attributes or {}))
        for exporter in self.exporters:
            exporter.on_end(clean)
        for listener in self.listeners:
            listener(clean)

    def clean(self, span: ReadableSpan) -> ReadableSpan:
        """Return the span without secrets, and without content unless that is wanted."""
        redactor = self.redactor
        attributes = redactor.attributes(span.attributes)
        if (cost := attributes.get("app.cost")) is not None:
            attributes.setdefault("gen_ai.usage.cost", _amount(cost))
        return ReadableSpan(
            name=redactor.text(span.name),
            context=span.context,
            parent=span.parent,
            resource=span.resource,
            attributes=attributes if self.content else {k: v for k, v in attributes.items() if k not in CONTENT},
            events=[Event(redactor.text(e.name), redactor.attributes(e.attributes), e.timestamp) for e in span.events],
            links=[Link(link.context, redactor.attributes(link.attributes)) for link in span.links],
            kind=span.kind,
            status=Status(
                span.status.status_code, redactor.text(span.status.description) if span.status.description else None
            ),
            start_time=span.start_time,
            end_time=span.end_time,
            instrumentation_scope=span.instrumentation_scope,
        )

    def shutdown(self) -> None:
        """Send what is left."""
        for exporter in self.exporters:
            exporter.shutdown()
        if self.files is not None:
            self.files.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is left now."""
        flushed = [exporter.force_flush(timeout_millis) for exporter in self.exporters]
        return all(flushed)


def _amount(cost: Any) -> float:
    """What Langfuse reads as the cost of a generation."""
    try:
        return float(cost)
    except (TypeError, ValueError):
        return 0.0


class RunIdGenerator(IdGenerator):
    """Random ids, but for root spans of runs: theirs are known from the run (see ``identity``)."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        """The trace of the run whose root span is being started, else a random one."""
        ids = beginning_of(None)
        return ids[0] if ids else self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        """The id of the root span that is being started, else a random one."""
        ids = beginning_of(None)
        return ids[1] if ids else self._random.generate_span_id()


@dataclass(frozen=True, slots=True)
class HeadSampler(Sampler):
    """Sends whole traces or none, decided by the trace id, so every worker decides alike.

    What is not sent is recorded all the same: the local files and the metrics stay complete.
    """

    ratio: float = 1.0

    @override
    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: trace.TraceState | None = None,
    ) -> SamplingResult:
        """Decide by the trace id alone."""
        # The low 56 bits are those that are random by the specification (W3C Trace Context, level 2).
        sent = (trace_id & (2**56 - 1)) < self.ratio * 2**56
        return SamplingResult(Decision.RECORD_AND_SAMPLE if sent else Decision.RECORD_ONLY, attributes, trace_state)

    def get_description(self) -> str:
        """For the SDK's own logs."""
        return f"Head{{{self.ratio}}}"
