"""OTLP over HTTP: where spans are sent (a collector, Langfuse, or both), and the exporter that sends them.

A run never waits for it.

The exporter of the OpenTelemetry SDK reads headers from the environment and sends them to every
destination, and logs a line a retry. Two destinations with different credentials need neither.
"""

import gzip
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

import httpx
import structlog
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from pydantic import Field

from domain import Refused, value


@value
class Destination:
    """One OTLP/HTTP receiver of traces."""

    name: str
    url: str
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    """Lower-case names; they may carry credentials and are never shown."""


def to_collector(endpoint: str, headers: str = "") -> Destination:
    """An OpenTelemetry collector (or anything that takes OTLP) at ``endpoint``.

    ``endpoint`` is a base URL as in ``OTEL_EXPORTER_OTLP_ENDPOINT``, or ends in ``/v1/traces`` already;
    ``headers`` are ``key=value`` pairs with commas between, percent-encoded where needed.

    Raises:
        Refused: ``otlp_endpoint_invalid``, ``otlp_headers_invalid``.
    """
    base = _checked(endpoint, "SIGNOFF_OTLP_ENDPOINT")
    url = base if base.endswith("/v1/traces") else f"{base}/v1/traces"
    pairs: dict[str, str] = {}
    for pair in filter(None, (part.strip() for part in headers.split(","))):
        key, equals, text = pair.partition("=")
        if not equals or not key.strip():
            raise Refused(
                "SIGNOFF_OTLP_HEADERS is not a list of key=value pairs.",
                code="otlp_headers_invalid",
                hint="Write key=value pairs with commas between; encode special characters as in URLs (%2C).",
            )
        pairs[key.strip().lower()] = unquote(text.strip())
    return Destination(name="collector", url=url, headers=pairs)


def to_langfuse(host: str, *, public_key: str, secret_key: str) -> Destination:
    """Langfuse's own OTLP endpoint; version 4 of its ingestion shows spans as they arrive.

    Raises:
        Refused: ``otlp_endpoint_invalid``.
    """
    base = _checked(host, "LANGFUSE_HOST")
    credentials = b64encode(f"{public_key}:{secret_key}".encode()).decode()
    return Destination(
        name="langfuse",
        url=f"{base}/api/public/otel/v1/traces",
        headers={"authorization": f"Basic {credentials}", "x-langfuse-ingestion-version": "4"},
    )


def _checked(url: str, setting: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise Refused(
            f"{setting} is not an http(s) URL.",
            code="otlp_endpoint_invalid",
            hint=f"Set {setting} to something like http://127.0.0.1:4318, or leave it empty.",
        )
    return url.strip().rstrip("/")


TIMEOUT_S = 5.0
ATTEMPTS = 3
# Those of the OTLP specification, and 408: a receiver that ran out of time itself.
_AGAIN = frozenset({408, 429, 502, 503, 504})


@dataclass(slots=True, kw_only=True)
class OtlpExporter(SpanExporter):
    """Exports batches to one destination. Called by a batch processor's own thread, never by a run.

    A batch that is refused, or not taken within ``timeout_s``, is dropped and counted; the first of several
    failures in a row is logged, and so is the recovery.
    """

    destination: Destination
    timeout_s: float = TIMEOUT_S
    clock: Callable[[], float] = time.monotonic
    dropped: int = 0
    _failing: bool = False
    _stop: threading.Event = field(default_factory=threading.Event)
    _client: httpx.Client = field(init=False)

    def __post_init__(self) -> None:
        # The environment has the proxy and the certificates, and nothing else: httpx reads no .netrc of itself.
        # No redirects: they would take the headers, and so the credentials, to whoever is named there.
        self._client = httpx.Client(timeout=self.timeout_s, follow_redirects=False)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Send one batch, at most ``ATTEMPTS`` times within ``timeout_s``."""
        body = gzip.compress(encode_spans(spans).SerializeToString(), compresslevel=5)
        problem = self._send(body)
        if problem:
            self.dropped += len(spans)
        log = structlog.get_logger("signoff.telemetry")
        if problem and not self._failing:
            log.warning("spans not delivered", destination=self.destination.name, reason=problem, dropped=self.dropped)
        elif self._failing and not problem:
            log.info("spans delivered again", destination=self.destination.name, dropped=self.dropped)
        self._failing = bool(problem)
        return SpanExportResult.FAILURE if problem else SpanExportResult.SUCCESS

    def _send(self, body: bytes) -> str:
        """Return what went wrong, or nothing."""
        until = self.clock() + self.timeout_s
        problem = ""
        for attempt in range(ATTEMPTS):
            wait, problem = self._try(body)
            if wait is None:
                return problem
            pause = max(wait, 0.2 * 2**attempt)
            # ``_stop`` ends the pause early: a process that closes does not sit it out.
            if self.clock() + pause > until or self._stop.wait(pause):
                return problem
        return problem

    def _try(self, body: bytes) -> tuple[float | None, str]:
        """Return (seconds after which trying again may help, problem); no seconds: it will not, or need not."""
        headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip", **self.destination.headers}
        try:
            answer = self._client.post(self.destination.url, content=body, headers=headers)
        except (httpx.TransportError, RuntimeError) as error:
            # RuntimeError: the client was closed while a batch was under way.
            return (None if isinstance(error, RuntimeError) else 0.0), type(error).__name__
        if answer.is_success:
            return None, ""
        after = answer.headers.get("retry-after", "")
        again = answer.status_code in _AGAIN
        return (float(after) if after.isdecimal() else 0.0) if again else None, f"HTTP {answer.status_code}"

    def shutdown(self) -> None:
        """Stop waiting for another attempt."""
        self._stop.set()
        self._client.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        return timeout_millis >= 0
