"""Metrics for Prometheus, most of them drawn from spans as they end: no other room counts anything.

Names follow the OpenTelemetry conventions for generative AI where those have one, in Prometheus' spelling
(dots become underscores, units are spelt out); the rest begin with ``signoff_``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from pydantic import Field

from domain import Tier, value

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3_600)
WAITING = (10, 60, 300, 900, 3_600, 4 * 3_600, 12 * 3_600, 24 * 3_600, 72 * 3_600)
TOKENS = (16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576)
MOST_NAMES = 200
"""Different values that a label of unbounded origin (users, models, error codes) may take; then ``other``."""

Happening = Literal["hook_failed", "hook_dead_letter", "run_resumed_late", "audit_verified", "audit_broken"]


@value
class Waiting:
    """A ballot that waits for a person."""

    tier: Tier
    age_s: float = Field(ge=0)


@dataclass(slots=True, kw_only=True)
class Metrics:
    """One registry. ``heard`` is a listener of ``tracing``; ``page`` answers ``/metrics``."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _histograms: dict[str, Histogram] = field(default_factory=dict)
    _counters: dict[str, Counter] = field(default_factory=dict)
    _gauges: dict[str, Gauge] = field(default_factory=dict)
    _seen: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (text, labels, buckets) in _HISTOGRAMS.items():
            self._histograms[name] = Histogram(name, text, labels, buckets=buckets, registry=self.registry)
        for name, (text, labels) in _COUNTERS.items():
            self._counters[name] = Counter(name, text, labels, registry=self.registry)
        for name, (text, labels) in _GAUGES.items():
            self._gauges[name] = Gauge(name, text, labels, registry=self.registry)

    def heard(self, span: ReadableSpan) -> None:
        """Count an ended span."""
        attributes = span.attributes or {}
        seconds = max(0, (span.end_time or 0) - (span.start_time or 0)) / 1e9
        if span.status.status_code is StatusCode.ERROR:
            self._add("signoff_errors", 1, code=self._name("code", attributes.get("error.type", "unknown")))
        # The conventions name a span by its operation and then its subject: ``chat MODEL``, ``execute_tool NAME``.
        match span.name.split(" ", 1)[0]:
            case "chat":
                self._chat(attributes, seconds)
            case "invoke_agent":
                node = self._name("node", attributes.get("gen_ai.agent.name", ""))
                error = self._name("code", attributes.get("error.type", ""))
                self._observe("gen_ai_invoke_agent_duration_seconds", seconds, gen_ai_agent_name=node, error_type=error)
            case "execute_tool":
                tool = self._name("tool", attributes.get("gen_ai.tool.name", ""))
                self._observe("gen_ai_execute_tool_duration_seconds", seconds, gen_ai_tool_name=tool)
            case "sandbox.exec":
                ended = self._name("ended", attributes.get("app.command.ended", "lost"))
                self._observe("signoff_sandbox_exec_duration_seconds", seconds, ended=ended)
            case "sandbox.start":
                runtime = self._name("runtime", attributes.get("app.runtime") or "none")
                self._observe("signoff_sandbox_start_duration_seconds", seconds, runtime=runtime)
            case "approval.wait":
                tier, state = (
                    self._name("tier", attributes.get("app.tier")),
                    self._name("state", attributes.get("app.ballot.state")),
                )
                self._observe("signoff_decision_latency_seconds", seconds, tier=tier)
                self._add("signoff_decisions", 1, tier=tier, state=state)
            case "run.segment":
                status = self._name("status", attributes.get("app.status", "unknown"))
                self._observe("signoff_segment_duration_seconds", seconds, status=status)
                code = self._name("code", attributes.get("error.type", ""))
                # A stretch of work that ends in a pause is not the end of its run.
                if status not in {"interrupted", "paused", "paused_budget", "pending"}:
                    self._add("signoff_runs_ended", 1, status=status, code=code)
            case _:
                pass

    def _chat(self, attributes: Mapping[str, Any], seconds: float) -> None:
        model = self._name("model", attributes.get("gen_ai.request.model", ""))
        error = self._name("code", attributes.get("error.type", ""))
        self._observe("gen_ai_client_inference_duration_seconds", seconds, gen_ai_request_model=model, error_type=error)
        if (first := attributes.get("gen_ai.response.time_to_first_chunk")) is not None:
            self._observe("gen_ai_client_inference_time_to_first_chunk_seconds", first, gen_ai_request_model=model)
        for kind in ("input", "output"):
            tokens = _number(attributes.get(f"gen_ai.usage.{kind}_tokens"))
            self._observe(f"gen_ai_client_inference_usage_{kind}_tokens", tokens, gen_ai_request_model=model)
        cached = _number(attributes.get("gen_ai.usage.cache_read.input_tokens"))
        self._add("signoff_cached_input_tokens", cached, gen_ai_request_model=model)
        org, user = (
            self._name("org", attributes.get("app.org.id", "")),
            self._name("user", attributes.get("user.id", "")),
        )
        self._add("signoff_cost", _number(attributes.get("app.cost")), org=org, user=user)
        tokens = sum(_number(attributes.get(f"gen_ai.usage.{kind}_tokens")) for kind in ("input", "output"))
        self._add("signoff_tokens", tokens, org=org, user=user)

    def happened(self, kind: Happening, times: int = 1) -> None:
        """Count something that no span tells of."""
        self._add("signoff_happenings", times, kind=kind)

    def page(self, *, runs: Mapping[str, int] | None = None, waiting: Sequence[Waiting] = ()) -> tuple[bytes, str]:
        """Return the body and the content type of ``/metrics``.

        ``runs`` (how many are in which state) and ``waiting`` are how things stand now, read for this page.
        """
        # What nobody is in any more would stay at its last number.
        for name in ("signoff_runs", "signoff_pending_ballots", "signoff_oldest_ballot_age_seconds"):
            self._gauges[name].clear()
        for status, count in (runs or {}).items():
            self._gauges["signoff_runs"].labels(status=status).set(count)
        for tier in dict.fromkeys(ballot.tier for ballot in waiting):
            ages = [ballot.age_s for ballot in waiting if ballot.tier == tier]
            self._gauges["signoff_pending_ballots"].labels(tier=tier).set(len(ages))
            self._gauges["signoff_oldest_ballot_age_seconds"].labels(tier=tier).set(max(ages))
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _observe(self, name: str, amount: Any, **labels: str) -> None:
        metric = self._histograms[name]
        (metric.labels(**labels) if labels else metric).observe(_number(amount))

    def _add(self, name: str, amount: float, **labels: str) -> None:
        metric = self._counters[name]
        (metric.labels(**labels) if labels else metric).inc(amount)

    def _name(self, label: str, value_of_label: Any) -> str:
        """Keep a label's values to a number that Prometheus can bear."""
        seen = self._seen.setdefault(label, set())
        text = str(value_of_label if value_of_label is not None else "")[:100]
        if text not in seen and len(seen) >= MOST_NAMES:
            return "other"
        seen.add(text)
        return text


def _number(raw: Any) -> float:
    try:
        amount = float(raw)
    except (TypeError, ValueError):
        return 0.0
    return amount if 0 <= amount < float("inf") else 0.0


_HISTOGRAMS: Mapping[str, tuple[str, Sequence[str], Sequence[float]]] = {
    "gen_ai_client_inference_duration_seconds": (
        "Time one answer of a model took",
        ("gen_ai_request_model", "error_type"),
        SECONDS,
    ),
    "gen_ai_client_inference_time_to_first_chunk_seconds": (
        "Time until the first part of an answer",
        ("gen_ai_request_model",),
        SECONDS,
    ),
    "gen_ai_client_inference_usage_input_tokens": ("Tokens of a prompt", ("gen_ai_request_model",), TOKENS),
    "gen_ai_client_inference_usage_output_tokens": ("Tokens of an answer", ("gen_ai_request_model",), TOKENS),
    "gen_ai_invoke_agent_duration_seconds": (
        "Time one visit of a node took",
        ("gen_ai_agent_name", "error_type"),
        SECONDS,
    ),
    "gen_ai_execute_tool_duration_seconds": ("Time one tool took", ("gen_ai_tool_name",), SECONDS),
    "signoff_sandbox_exec_duration_seconds": (
        "Time one command took; ended: exit, signal, timeout, oom, cancelled, or lost",
        ("ended",),
        SECONDS,
    ),
    "signoff_sandbox_start_duration_seconds": ("Time until a sandbox was ready", ("runtime",), SECONDS),
    "signoff_segment_duration_seconds": ("Work between two pauses of a run", ("status",), SECONDS),
    "signoff_decision_latency_seconds": ("From a question to its decision", ("tier",), WAITING),
}
_COUNTERS: Mapping[str, tuple[str, Sequence[str]]] = {
    "signoff_runs_ended": ("Runs that ended", ("status", "code")),
    "signoff_errors": ("Spans that failed, by stable error code", ("code",)),
    "signoff_decisions": ("Ballots that were decided", ("tier", "state")),
    "signoff_tokens": ("Tokens of all models", ("org", "user")),
    "signoff_cost": ("Cost of all models, in the currency of the catalogue's prices", ("org", "user")),
    "signoff_cached_input_tokens": ("Prompt tokens that came from a prefix cache", ("gen_ai_request_model",)),
    "signoff_happenings": ("Things no span tells of", ("kind",)),
}
_GAUGES: Mapping[str, tuple[str, Sequence[str]]] = {
    "signoff_runs": ("Runs by state, now", ("status",)),
    "signoff_pending_ballots": ("Ballots that wait, now", ("tier",)),
    "signoff_oldest_ballot_age_seconds": ("Age of the oldest ballot that waits", ("tier",)),
}
