"""Listens; nobody speaks to it. Spans, metrics and logs leave the house here, without secrets.

Only ``service.wiring``, ``service.retention`` and the command line come in by this door.
"""

from telemetry.destination import Destination, to_collector, to_langfuse
from telemetry.identity import Identity, run_context, trace_id, traceparent
from telemetry.langfuse import Score, Scores
from telemetry.leases import ListenedBackend
from telemetry.logs import about_run, logging_as
from telemetry.metrics import Metrics, Waiting
from telemetry.reader import forget_trace, read_trace, traces_before
from telemetry.redact import Redactor
from telemetry.scorekeeper import Scorekeeper
from telemetry.show import render
from telemetry.tracing import Tracing, tracing
from telemetry.tree import Branch, Span, Totals
from telemetry.verdicts import scores_of

__all__ = [
    "Branch",
    "Destination",
    "Identity",
    "ListenedBackend",
    "Metrics",
    "Redactor",
    "Score",
    "Scorekeeper",
    "Scores",
    "Span",
    "Totals",
    "Tracing",
    "Waiting",
    "about_run",
    "forget_trace",
    "logging_as",
    "read_trace",
    "render",
    "run_context",
    "scores_of",
    "to_collector",
    "to_langfuse",
    "trace_id",
    "traceparent",
    "traces_before",
    "tracing",
]
