"""Trace identity of a run: the trace of a run is known from its id alone, so any worker continues it. Pure.

A run has one trace. Its id is the first half of sha256(run id), as ``Langfuse.create_trace_id``
makes it from a seed; the id of its root span is taken from the second half. After a pause of more than
a day a run goes on in a new trace (``part`` 1, 2, …), linked to the one before.
"""

from hashlib import sha256

from opentelemetry import context as contexts
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from domain import value

SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_IDENTITY = "signoff-identity"
_BEGINNING = "signoff-beginning"


@value
class Identity:
    """What every span of a run says about itself."""

    run: str
    org: str = ""
    user: str = ""
    tier: str = ""

    def attributes(self) -> dict[str, str]:
        """As span attributes; what is not known is left out."""
        known = {
            "app.run.id": self.run,
            "session.id": self.run,
            "gen_ai.conversation.id": self.run,
            "langfuse.trace.name": "coding_run",
            "app.org.id": self.org,
            "user.id": self.user,
            "app.tier": self.tier,
        }
        return {key: text for key, text in known.items() if text}


INHERITED = frozenset(Identity(run="-", org="-", user="-", tier="-").attributes())
"""Attributes that a span takes over from the span above it."""


def trace_id(run: str, *, part: int = 0) -> int:
    """Return the trace id (128 bits) of a run, or of a later part of it."""
    # Zero is no id (W3C Trace Context).
    return int.from_bytes(_digest(run, part)[:16]) or 1


def root_span_id(run: str, *, part: int = 0) -> int:
    """Return the id (64 bits) of the span that all segments of the run hang from."""
    return int.from_bytes(_digest(run, part)[16:24]) or 1


def run_context(
    run: str | Identity, *, parent_span_id: int | None = None, part: int = 0, sampled: bool = True
) -> Context:
    """Return the context in which spans of ``run`` are started, by whichever process.

    Spans hang from the run's root span, or from ``parent_span_id`` (a span of the same run).
    """
    identity = Identity(run=run) if isinstance(run, str) else run
    parent = SpanContext(
        trace_id(identity.run, part=part),
        parent_span_id or root_span_id(identity.run, part=part),
        is_remote=True,
        trace_flags=SAMPLED if sampled else TraceFlags(TraceFlags.DEFAULT),
    )
    # From an empty context: the span of the request that happens to be current is no parent of the run's.
    return contexts.set_value(_IDENTITY, identity, set_span_in_context(NonRecordingSpan(parent), Context()))


def beginning(identity: Identity, *, part: int = 0) -> Context:
    """Return the context in which exactly the root span of ``identity`` is started."""
    ids = trace_id(identity.run, part=part), root_span_id(identity.run, part=part)
    return contexts.set_value(_BEGINNING, ids, contexts.set_value(_IDENTITY, identity, Context()))


def traceparent(run: str, *, part: int = 0) -> str:
    """Return the W3C ``traceparent`` of the run, for its row and for other programs."""
    return f"00-{trace_id(run, part=part):032x}-{root_span_id(run, part=part):016x}-01"


def part_before(run: str, part: int) -> tuple[Link, ...]:
    """Return the link from part ``part`` of a run's trace to the part before; none for the first."""
    if part < 1:
        return ()
    before = SpanContext(
        trace_id(run, part=part - 1), root_span_id(run, part=part - 1), is_remote=True, trace_flags=SAMPLED
    )
    return (Link(before, {"app.link": "earlier part of the run"}),)


def identity_of(context: Context | None) -> Identity | None:
    """Return the identity that a context carries."""
    identity = contexts.get_value(_IDENTITY, context)
    return identity if isinstance(identity, Identity) else None


def beginning_of(context: Context | None) -> tuple[int, int] | None:
    """Return (trace id, root span id) when the context is that of a root span."""
    ids = contexts.get_value(_BEGINNING, context)
    return ids if isinstance(ids, tuple) else None


def _digest(run: str, part: int) -> bytes:
    return sha256((run if part == 0 else f"{run}#{part}").encode()).digest()
