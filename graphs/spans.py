"""Spans of nodes, and a log line and two events for every visit (C6, A5).

We wrap nodes ourselves: auto-instrumentation starts a new trace after every pause and writes whole
states into spans (see docs/tracing.md).
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog
from langgraph.config import get_stream_writer
from langgraph.errors import GraphBubbleUp
from opentelemetry import trace
from opentelemetry.trace import Status, StatusCode, Tracer
from pydantic import TypeAdapter

from domain import Event, SignoffError, Spent
from domain.events import EventKind

Node = Callable[[Any], Awaitable[Mapping[str, Any]]]

_EVENT = TypeAdapter(Event)


def traced(name: str, node: Node, tracer: Tracer) -> Callable[[Any], Awaitable[Mapping[str, Any]]]:
    """Return ``node`` with its span, its events and its log line."""
    log = structlog.get_logger("signoff.node")

    async def visit(state: Any) -> Mapping[str, Any]:
        started, run = time.perf_counter(), str(state.get("run", ""))
        _tell("node_started", name)
        # An exception's message may quote what was read or run: only its code goes into the span.
        with tracer.start_as_current_span(
            f"invoke_agent {name}", record_exception=False, set_status_on_exception=False
        ) as span:
            span.set_attributes(
                {
                    "gen_ai.operation.name": "invoke_agent",
                    "gen_ai.agent.name": name,
                    "langfuse.observation.type": "agent",
                }
            )
            try:
                update = await node(state)
            # An interrupt is no error: the run pauses until somebody answers.
            except GraphBubbleUp:
                span.set_attribute("app.paused", value=True)
                raise
            except SignoffError as error:
                span.set_status(Status(StatusCode.ERROR, error.stable_code))
                span.set_attribute("error.type", error.stable_code)
                log.info("node failed", node=name, run=run, code=error.stable_code, ms=_ms(started))
                raise
            _describe(span, state, update)
            if name == "observe" and (loop := loop_noticed(update)):
                span.set_attribute("app.loop", loop)
        _tell("node_ended", name)
        log.info("node ended", node=name, run=run, ms=_ms(started), **_counts(state, update))
        return update

    return visit


def _ms(started: float) -> float:
    return round((time.perf_counter() - started) * 1_000, 1)


def _counts(state: Mapping[str, Any], update: Mapping[str, Any]) -> dict[str, float]:
    before, after = state.get("spent"), update.get("spent")
    if not isinstance(after, Spent):
        return {}
    start = before if isinstance(before, Spent) else Spent()
    return {
        "tokens_in": after.tokens_in - start.tokens_in,
        "tokens_out": after.tokens_out - start.tokens_out,
        "model_calls": after.model_calls - start.model_calls,
        "sandbox_s": round(after.sandbox_seconds - start.sandbox_seconds, 3),
    }


def _describe(span: trace.Span, state: Mapping[str, Any], update: Mapping[str, Any]) -> None:
    """Numbers and identities only: content stays out of spans (docs/tracing.md)."""
    span.set_attributes({f"app.{key}": number for key, number in _counts(state, update).items()})
    if (risk := update.get("risk")) is not None:
        span.set_attribute("app.tier", risk.tier)
    if (expert := update.get("expert")) is not None:
        span.set_attribute("app.expert", expert)


def loop_noticed(update: Mapping[str, Any]) -> str:
    """What was noticed of a coder in circles: ``stop`` (it plans anew), ``nudge`` (it was told); or nothing."""
    latest = next(iter(update.get("evidence", ())[-1:]), None)
    if latest is not None and any(finding.kind == "loop" for finding in latest.findings):
        return "stop"
    turn = next(iter(update.get("turns", ())[-1:]), None)
    return "nudge" if turn is not None and turn.nudged else ""


def _tell(kind: EventKind, node: str) -> None:
    get_stream_writer()(_EVENT.dump_python(Event(kind=kind, node=node, at_ms=time.time() * 1_000), mode="json"))
