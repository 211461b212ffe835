"""Spans on the wire: the real exporter against a real HTTP server, decoded with the protocol's own classes."""

import base64
import socket
import threading
import time
from pathlib import Path

import structlog
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from structlog.testing import capture_logs

from telemetry import Identity, Redactor, read_trace, to_collector, to_langfuse, trace_id, tracing
from telemetry.identity import root_span_id
from telemetry.otlp import OtlpExporter

CANARY = "canary-7f3a9e"
KEY = "sk-lf-0000"


def attributes(span: Span) -> dict[str, object]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


async def one_run(tracing_, run: str = "r1") -> None:
    """A run with a pause in it, as the graph traces one."""
    identity = Identity(run=run, org="acme", user="ana")
    tracing_.begin(identity)
    for segment in (1, 2):
        context = tracing_.context(run)
        told = identity.attributes()
        with (
            tracing_.tracer.start_as_current_span(f"run.segment {segment}", context=context, attributes=told),
            tracing_.tracer.start_as_current_span("invoke_agent plan") as node,
        ):
            node.set_attribute("langfuse.observation.type", "agent")
            with tracing_.tracer.start_as_current_span("chat m") as chat:
                chat.set_attributes({"gen_ai.usage.input_tokens": 12, "note": f"{CANARY}!", "gen_ai.prompt": "hi"})


async def test_langfuse_gets_one_trace_a_run_at_its_own_path(receiver) -> None:
    there = to_langfuse(receiver.url, public_key="pk-lf-1", secret_key=KEY)
    async with tracing(folder=None, destinations=[there], redactor=Redactor((CANARY,)), version="1.2.3") as t:
        await one_run(t)
    (request,) = receiver.requests
    assert request.path == "/api/public/otel/v1/traces"
    assert base64.b64decode(request.headers["authorization"].removeprefix("Basic ")) == b"pk-lf-1:sk-lf-0000"
    assert request.headers["x-langfuse-ingestion-version"] == "4"
    assert request.headers["content-type"] == "application/x-protobuf"
    spans = {span.name: span for span in request.spans()}
    assert {span.trace_id for span in spans.values()} == {trace_id("r1").to_bytes(16)}
    assert spans["run.segment 2"].parent_span_id == spans["invoke_workflow coding_run"].span_id
    assert spans["invoke_workflow coding_run"].span_id == root_span_id("r1").to_bytes(8)
    chat = attributes(spans["chat m"])
    assert chat["gen_ai.usage.input_tokens"] == 12
    assert chat["note"] == "[redacted]!"
    assert "gen_ai.prompt" not in chat
    for span in spans.values():
        said = attributes(span)
        assert (said["session.id"], said["user.id"], said["app.org.id"]) == ("r1", "ana", "acme")
        assert said["langfuse.trace.name"] == "coding_run"
    assert request.resource()["service.version"] == "1.2.3"


async def test_two_destinations_get_the_same_spans_and_only_their_own_headers(receiver) -> None:
    there = to_langfuse(receiver.url, public_key="pk-lf-1", secret_key=KEY)
    async with tracing(folder=None, destinations=[there, to_collector(receiver.url, "x-tenant=acme")]) as t:
        await one_run(t)
    by_path = {request.path: request for request in receiver.requests}
    assert set(by_path) == {"/v1/traces", "/api/public/otel/v1/traces"}
    assert "authorization" not in by_path["/v1/traces"].headers
    assert by_path["/v1/traces"].headers["x-tenant"] == "acme"
    assert "x-tenant" not in by_path["/api/public/otel/v1/traces"].headers
    sent = [sorted(span.span_id for span in request.spans()) for request in by_path.values()]
    assert sent[0] == sent[1]


async def test_a_share_of_the_runs_is_sent_as_whole_traces(receiver, tmp_path: Path) -> None:
    async with tracing(folder=tmp_path, destinations=[to_collector(receiver.url)], ratio=0.5) as t:
        for number in range(40):
            await one_run(t, f"r{number}")
    traces: dict[bytes, int] = {}
    for span in receiver.spans():
        traces[span.trace_id] = traces.get(span.trace_id, 0) + 1
    assert 8 < len(traces) < 32
    assert set(traces.values()) == {7}
    assert len(list(tmp_path.glob("*.jsonl"))) == 40  # noqa: ASYNC240 a folder of a test


async def test_a_busy_receiver_is_asked_again(receiver) -> None:
    receiver.statuses = [503, 429, 200]
    async with tracing(folder=None, destinations=[to_collector(receiver.url)]) as t:
        await one_run(t)
    assert len(receiver.requests) == 3
    assert len({request.body for request in receiver.requests}) == 1


async def test_a_time_to_wait_that_is_no_number_is_not_waited_for(receiver) -> None:
    receiver.statuses, receiver.retry_after = [503, 200], "²"
    async with tracing(folder=None, destinations=[to_collector(receiver.url)]) as t:
        await one_run(t)
    assert len(receiver.requests) == 2


async def test_a_refusal_is_logged_once_and_not_repeated(receiver) -> None:
    receiver.statuses = [401]
    exporter = OtlpExporter(destination=to_collector(receiver.url))
    with capture_logs() as logs:
        async with tracing(folder=None, listeners=[lambda span: exporter.export([span]) and None]) as t:
            await one_run(t)
    assert exporter.dropped == len(receiver.requests) == 7
    assert [(line["event"], line["reason"]) for line in logs] == [("spans not delivered", "HTTP 401")]
    receiver.statuses = [200]
    with capture_logs() as logs:
        async with tracing(folder=None, listeners=[lambda span: exporter.export([span]) and None]) as t:
            await one_run(t)
    assert [line["event"] for line in logs] == ["spans delivered again"]
    exporter.shutdown()


async def test_a_collector_that_is_down_costs_a_run_no_time_and_no_trace(tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{unused.getsockname()[1]}"
        began = time.perf_counter()
        with capture_logs():
            async with tracing(folder=tmp_path, destinations=[to_collector(nobody)], close_s=1.0) as t:
                for number in range(200):
                    await one_run(t, f"r{number}")
                worked = time.perf_counter() - began
        closed = time.perf_counter() - began - worked
    assert worked < 4.0, "1,400 spans"
    assert closed < 2.0
    assert (await read_trace(tmp_path, "r7")).span.name == "invoke_workflow coding_run"


async def test_a_collector_that_hangs_is_left_behind_at_the_end(receiver, tmp_path: Path) -> None:
    receiver.hangs = threading.Event()
    async with tracing(folder=tmp_path, destinations=[to_collector(receiver.url)], close_s=0.3) as t:
        await one_run(t)
        began = time.perf_counter()
    assert time.perf_counter() - began < 1.5
    assert receiver.requests


async def test_exporting_does_not_read_the_environment_or_disturb_other_loggers(receiver) -> None:
    before = structlog.get_config()
    async with tracing(folder=None, destinations=[to_collector(receiver.url)]) as t:
        await one_run(t)
        await t.flush()
        assert len(receiver.spans()) == 7
    assert structlog.get_config() == before
