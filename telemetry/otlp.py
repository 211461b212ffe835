"""Send spans by OTLP/HTTP, without ever standing in a run's way.

The exporter of the OpenTelemetry SDK reads headers from the environment and sends them to every
destination, and logs a line a retry. Two destinations with different credentials need neither.
"""

import gzip
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
import structlog
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from telemetry.destination import Destination

TIMEOUT_S = 5.0
ATTEMPTS = 3
_AGAIN = frozenset({408, 429, 502, 503, 504})


@dataclass(slots=True, kw_only=True)
class Otlp(SpanExporter):
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
        # trust_env: credentials and proxies come from the settings or not at all.
        self._client = httpx.Client(trust_env=False, timeout=self.timeout_s, follow_redirects=False)

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
        return (float(after) if after.isdigit() else 0.0) if again else None, f"HTTP {answer.status_code}"

    def shutdown(self) -> None:
        """Stop waiting for another attempt."""
        self._stop.set()
        self._client.close()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing is kept here."""
        return timeout_millis >= 0
