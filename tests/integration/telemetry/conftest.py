"""A receiver that speaks HTTP on loopback and keeps what it was sent."""

import gzip
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    def spans(self) -> list[Span]:
        """The spans of an OTLP request, decoded by the protocol's own classes."""
        request = ExportTraceServiceRequest()
        request.ParseFromString(gzip.decompress(self.body))
        return [span for r in request.resource_spans for scope in r.scope_spans for span in scope.spans]

    def resource(self) -> dict[str, str]:
        request = ExportTraceServiceRequest()
        request.ParseFromString(gzip.decompress(self.body))
        return {a.key: a.value.string_value for a in request.resource_spans[0].resource.attributes}

    def json(self) -> object:
        return json.loads(self.body)


@dataclass
class Receiver:
    """Answers with the given statuses in turn, the last one for ever."""

    url: str = ""
    requests: list[Request] = field(default_factory=list)
    statuses: list[int] = field(default_factory=lambda: [200])
    answer: bytes = b"{}"
    retry_after: str = ""
    hangs: threading.Event | None = None
    """Set: requests are not answered before it is released."""
    arrived: threading.Event = field(default_factory=threading.Event)

    def spans(self) -> list[Span]:
        """All spans that arrived, whatever else did."""
        return [span for request in self.requests if request.path.endswith("/v1/traces") for span in request.spans()]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    told = Receiver()

    class Answering(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            told.requests.append(Request(self.path, {k.lower(): v for k, v in self.headers.items()}, body))
            told.arrived.set()
            if told.hangs is not None:
                told.hangs.wait(20)
            self.send_response(told.statuses.pop(0) if len(told.statuses) > 1 else told.statuses[0])
            self.send_header("content-type", "application/json")
            if told.retry_after:
                self.send_header("retry-after", told.retry_after)
            self.send_header("content-length", str(len(told.answer)))
            self.end_headers()
            self.wfile.write(told.answer)

        def log_message(self, *_: object) -> None:
            """Be quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        told.url = f"http://127.0.0.1:{server.server_port}"
        try:
            yield told
        finally:
            if told.hangs is not None:
                told.hangs.set()
            server.shutdown()
            thread.join()
