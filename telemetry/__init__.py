"""Listens; nobody speaks to it. Spans, metrics and logs leave the house here, without secrets.

Only ``service.wiring`` and the command line come in by this door.
"""

from telemetry.destination import Destination, collector, langfuse
from telemetry.identity import Identity, run_context, trace_id, traceparent
from telemetry.reader import forget_trace, read_trace
from telemetry.redact import Redactor
from telemetry.show import render
from telemetry.tracing import Tracing, tracing
from telemetry.tree import Branch, Span, Totals

__all__ = [
    "Branch",
    "Destination",
    "Identity",
    "Redactor",
    "Span",
    "Totals",
    "Tracing",
    "collector",
    "forget_trace",
    "langfuse",
    "read_trace",
    "render",
    "run_context",
    "trace_id",
    "traceparent",
    "tracing",
]
