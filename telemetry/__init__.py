"""Telemetry: spans, metrics, logs and scores of runs, without secrets. Other rooms use OpenTelemetry; this one listens.

Only ``service.wiring``, ``service.retention`` and the command line come in by this door.
"""

from telemetry.identity import Identity, run_context, trace_id, traceparent
from telemetry.logs import about_run, logging_as
from telemetry.metrics import GaugeReading, Metrics, Waiting
from telemetry.otlp import Destination, to_collector, to_langfuse
from telemetry.redact import Redactor
from telemetry.rendering import render
from telemetry.series import Happening
from telemetry.span_files import forget_trace, read_trace, rewrite_trace, traces_before
from telemetry.span_tree import Span, SpanNode, Totals
from telemetry.traced_backend import TracedBackend
from telemetry.tracing import Tracing, tracing

__all__ = [
    "Destination",
    "GaugeReading",
    "Happening",
    "Identity",
    "Metrics",
    "Redactor",
    "Span",
    "SpanNode",
    "Totals",
    "TracedBackend",
    "Tracing",
    "Waiting",
    "about_run",
    "forget_trace",
    "logging_as",
    "read_trace",
    "render",
    "rewrite_trace",
    "run_context",
    "to_collector",
    "to_langfuse",
    "trace_id",
    "traceparent",
    "traces_before",
    "tracing",
]
