"""Metrics for Prometheus, most of them drawn from spans as they end; the others are counted where they happen.

Names follow the OpenTelemetry conventions for generative AI where those have one, in Prometheus' spelling
(dots become underscores, units are spelt out); the rest begin with ``signoff_``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from pydantic import Field

from domain import Tier, value
from telemetry.series import COUNTERS, ENDED, GAUGES, HISTOGRAMS, OLDER_THAN_HOURS, Happening

MOST_NAMES = 200
"""Different values that a label of unbounded origin (users, models, error codes) may take; then ``other``."""


@value
class Waiting:
    """A ballot that waits for a person."""

    tier: Tier
    age_s: float = Field(ge=0)


@value
class GaugeReading:
    """How something stands when Prometheus asks: a gauge of ``series.GAUGES``, its labels and its number."""

    name: str
    amount: float
    labels: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(slots=True, kw_only=True)
class Metrics:
    """One registry. ``heard`` is a listener of ``tracing``; ``page`` answers ``/metrics``."""

    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    _histograms: dict[str, Histogram] = field(default_factory=dict)
    _counters: dict[str, Counter] = field(default_factory=dict)
    _gauges: dict[str, Gauge] = field(default_factory=dict)
    _seen: dict[str, set[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, (text, labels, buckets) in HISTOGRAMS.items():
            self._histograms[name] = Histogram(name, text, labels, buckets=buckets, registry=self.registry)
        for name, (text, labels) in COUNTERS.items():
            self._counters[name] = Counter(name, text, labels, registry=self.registry)
        for name, (text, labels) in GAUGES.items():
            self._gauges[name] = Gauge(name, text, labels, registry=self.registry)
        # A rate needs the zero before the first time: an alert must not miss what happens once.
        for kind in get_args(Happening):
            self._counters["signoff_happenings"].labels(kind=kind)
        for kind in ("nudge", "stop"):
            self._counters["signoff_loops"].labels(kind=kind)
        for status in ENDED:
            self._histograms["signoff_segment_duration_seconds"].labels(status=status)
            self._histograms["signoff_run_cost"].labels(status=status)
        for tier in ("high", "critical"):
            self._histograms["signoff_decision_latency_seconds"].labels(tier=tier)

    def watch_process(self) -> None:
        """Have the page tell of this process, too: memory, processor time, open files."""
        ProcessCollector(registry=self.registry)

    def heard(self, span: ReadableSpan) -> None:
        """Count an ended span."""
        attributes = span.attributes or {}
        seconds = max(0, (span.end_time or 0) - (span.start_time or 0)) / 1e9
        if span.status.status_code is StatusCode.ERROR:
            self._add("signoff_errors", 1, code=self._name("code", attributes.get("error.type", "unknown")))
        self._caches(span)
        # The conventions name a span by its operation and then its subject: ``chat MODEL``, ``execute_tool NAME``.
        match span.name.split(" ", 1)[0]:
            case "chat":
                self._chat(attributes, seconds)
            case "invoke_agent":
                self._node(attributes, seconds)
            case "execute_tool" | "tool.call":
                tool = self._name("tool", attributes.get("gen_ai.tool.name", ""))
                self._observe("gen_ai_execute_tool_duration_seconds", seconds, gen_ai_tool_name=tool)
            case "sandbox.exec":
                ended = self._name("ended", attributes.get("app.command.ended", "lost"))
                self._observe("signoff_sandbox_exec_duration_seconds", seconds, ended=ended)
                # To the conventions a command is a call of the tool ``shell``.
                self._observe("gen_ai_execute_tool_duration_seconds", seconds, gen_ai_tool_name="shell")
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
                self._segment(attributes, seconds)
            case _:
                pass

    def _node(self, attributes: Mapping[str, Any], seconds: float) -> None:
        node = self._name("node", attributes.get("gen_ai.agent.name", ""))
        error = self._name("code", attributes.get("error.type", ""))
        self._observe("gen_ai_invoke_agent_duration_seconds", seconds, gen_ai_agent_name=node, error_type=error)
        if loop := attributes.get("app.loop"):
            self._add("signoff_loops", 1, kind=self._name("loop", loop))

    def _segment(self, attributes: Mapping[str, Any], seconds: float) -> None:
        status = self._name("status", attributes.get("app.status", "unknown"))
        self._observe("signoff_segment_duration_seconds", seconds, status=status)
        code = self._name("code", attributes.get("error.type", ""))
        if code == "lease_lost":
            self.happened("lease_lost")
        # A stretch of work that ends in a pause is not the end of its run.
        if status not in {"interrupted", "paused", "paused_budget", "pending", "unknown"}:
            self._add("signoff_runs_ended", 1, status=status, code=code)
            if (cost := attributes.get("app.spent.cost")) is not None:
                self._observe("signoff_run_cost", cost, status=status)

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

    def _caches(self, span: ReadableSpan) -> None:
        for event in span.events:
            if event.name != "cache":
                continue
            attributes = event.attributes or {}
            cache = self._name("cache", attributes.get("app.cache.kind", ""))
            for outcome in ("hit", "miss"):
                count = _number(attributes.get(f"app.cache.{outcome}", 0))
                self._add("signoff_cache_requests", count, cache=cache, outcome=outcome)

    def cache_requests(self) -> dict[str, dict[str, int]]:
        """What each cache of this process was asked so far, by outcome: ``hit``, ``miss``."""
        counts: dict[str, dict[str, int]] = {}
        for metric in self._counters["signoff_cache_requests"].collect():
            for sample in metric.samples:
                if sample.name.endswith("_total"):
                    of_cache = counts.setdefault(sample.labels["cache"], {"hit": 0, "miss": 0})
                    of_cache[sample.labels["outcome"]] = int(sample.value)
        return counts

    def happened(self, kind: Happening, times: int = 1) -> None:
        """Count something that no span tells of."""
        self._add("signoff_happenings", times, kind=kind)

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer of the API; ``route`` is the template, never the address that was asked for."""
        labels = {"method": self._name("method", method), "route": self._name("route", route)}
        metric = self._histograms["signoff_http_request_duration_seconds"]
        for family in ("2xx", "5xx"):
            metric.labels(status=family, **labels)
        metric.labels(status=f"{status // 100}xx", **labels).observe(seconds)

    def page(
        self,
        *,
        runs: Mapping[str, int] | None = None,
        waiting: Sequence[Waiting] = (),
        readings: Sequence[GaugeReading] = (),
    ) -> tuple[bytes, str]:
        """Return the body and the content type of ``/metrics``.

        ``runs`` (how many are in which state), ``waiting`` and ``readings`` are how things stand now.
        """
        # What nobody is in any more would stay at its last number.
        for gauge in self._gauges.values():
            gauge.clear()
        for reading in readings:
            gauge = self._gauges[reading.name]
            (gauge.labels(**reading.labels) if reading.labels else gauge).set(reading.amount)
        for status, count in (runs or {}).items():
            self._gauges["signoff_runs"].labels(status=status).set(count)
        for tier in dict.fromkeys(ballot.tier for ballot in waiting):
            ages = [ballot.age_s for ballot in waiting if ballot.tier == tier]
            self._gauges["signoff_pending_ballots"].labels(tier=tier).set(len(ages))
            self._gauges["signoff_oldest_ballot_age_seconds"].labels(tier=tier).set(max(ages))
            for hours in OLDER_THAN_HOURS:
                older = sum(age > hours * 3_600 for age in ages)
                self._gauges["signoff_ballots_older_than"].labels(tier=tier, hours=str(hours)).set(older)
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
