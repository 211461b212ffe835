from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import Decision

from domain import Refused
from telemetry import Identity, Redactor, read_trace, trace_id, tracing
from telemetry.identity import root_span_id
from telemetry.span_processor import HeadSampler

CANARY = "canary-7f3a9e"


async def test_a_run_is_one_trace_whichever_process_works_on_it(tmp_path: Path) -> None:
    async with tracing(folder=tmp_path) as first:
        root = first.begin(Identity(run="r1", org="acme", user="ana"))
        with first.tracer.start_as_current_span("run.segment 1", context=first.context("r1")):
            pass
    async with tracing(folder=tmp_path) as second:
        with (
            second.tracer.start_as_current_span("run.segment 2", context=second.context("r1")),
            second.tracer.start_as_current_span("invoke_agent plan"),
        ):
            pass
    tree = await read_trace(tmp_path, "r1")
    assert (root.trace_id, root.span_id) == (trace_id("r1"), root_span_id("r1"))
    assert {branch.span.trace for branch in tree.walk()} == {f"{trace_id('r1'):032x}"}
    assert tree.span.name == "invoke_workflow coding_run"
    assert [child.span.name for child in tree.children] == ["run.segment 1", "run.segment 2"]
    assert tree.children[1].children[0].span.name == "invoke_agent plan"


async def test_every_span_says_whose_work_it_is(tmp_path: Path) -> None:
    heard: list[ReadableSpan] = []
    async with tracing(folder=tmp_path, listeners=[heard.append]) as tracing_:
        context = tracing_.context("r1")
        told = {"app.run.id": "r1", "app.org.id": "acme", "user.id": "ana", "session.id": "r1"}
        with (
            tracing_.tracer.start_as_current_span("run.segment 1", context=context, attributes=told),
            tracing_.tracer.start_as_current_span("invoke_agent plan"),
            tracing_.tracer.start_as_current_span("chat m") as span,
        ):
            span.set_attribute("app.tier", "high")
    chat = dict(heard[0].attributes or {})
    assert told.items() <= chat.items()
    assert (chat["langfuse.trace.name"], chat["app.tier"]) == ("coding_run", "high")


async def test_what_is_set_later_above_reaches_what_starts_below_then(tmp_path: Path) -> None:
    heard: list[ReadableSpan] = []
    async with tracing(folder=tmp_path, listeners=[heard.append]) as t:
        with t.tracer.start_as_current_span("run.segment 1", context=t.context("r1")) as above:
            above.set_attribute("user.id", "ana")
            with t.tracer.start_as_current_span("invoke_agent plan", attributes={"user.id": "eve"}):
                pass
            with t.tracer.start_as_current_span("invoke_agent execute"):
                pass
    assert [(span.attributes or {})["user.id"] for span in heard] == ["eve", "ana", "ana"]


async def test_secrets_reach_neither_file_nor_listener(tmp_path: Path) -> None:
    heard: list[ReadableSpan] = []
    async with tracing(folder=tmp_path, redactor=Redactor((CANARY,)), listeners=[heard.append], content=True) as t:
        with suppress(ValueError), t.tracer.start_as_current_span(f"chat {CANARY}", context=t.context("r1")) as span:
            span.set_attributes({"gen_ai.input.messages": f"say {CANARY}", "list": ["a", CANARY], "app.run.id": "r1"})
            span.add_event(CANARY, {"said": CANARY})
            span.add_link(trace.SpanContext(1, 2, is_remote=True), {"why": CANARY})
            span.set_status(trace.StatusCode.ERROR, CANARY)
            raise ValueError(CANARY)
    assert CANARY not in heard[0].to_json()
    assert CANARY not in (tmp_path / "r1.jsonl").read_text()
    assert (heard[0].attributes or {})["gen_ai.input.messages"] == "say [redacted]"


async def test_prompts_are_kept_only_on_demand() -> None:
    for content in (False, True):
        heard: list[ReadableSpan] = []
        async with tracing(folder=None, listeners=[heard.append], content=content) as t:
            with t.tracer.start_as_current_span("chat m", attributes={"gen_ai.input.messages": "hi", "app.n": 1}):
                pass
        assert ("gen_ai.input.messages" in (heard[0].attributes or {})) is content
        assert (heard[0].attributes or {})["app.n"] == 1


async def test_work_that_never_ends_can_be_seen(tmp_path: Path) -> None:
    async with tracing(folder=tmp_path) as t:
        with t.tracer.start_as_current_span("run.segment 1", context=t.context("r1")):
            t.tracer.start_span("invoke_agent execute")
            tree = await read_trace(tmp_path, "r1")
    assert [(branch.span.name, branch.span.state) for branch in tree.walk()] == [
        ("run.segment 1", "open"),
        ("invoke_agent execute", "open"),
    ]


async def test_after_a_long_pause_a_run_goes_on_in_a_linked_trace() -> None:
    heard: list[ReadableSpan] = []
    async with tracing(folder=None, listeners=[heard.append]) as t:
        t.begin(Identity(run="r1"))
        t.begin(Identity(run="r1"), part=1)
    first, second = heard
    assert first.context is not None
    assert second.links[0].context.span_id == first.context.span_id
    assert (first.attributes or {})["session.id"] == (second.attributes or {})["session.id"]


async def test_spans_of_no_run_are_not_kept_in_files(tmp_path: Path) -> None:
    async with tracing(folder=tmp_path / "t") as t:
        with t.tracer.start_as_current_span("GET /healthz"):
            pass
    assert not (tmp_path / "t").exists()


async def test_the_global_provider_is_left_alone() -> None:
    before = trace.get_tracer_provider()
    async with tracing(folder=None):
        assert trace.get_tracer_provider() is before


@given(st.integers(1, 2**128 - 1), st.floats(0, 1))
def test_whole_traces_are_sent_or_not_and_all_are_recorded(id_: int, ratio: float) -> None:
    head = HeadSampler(ratio)
    decisions = {head.should_sample(None, id_, name).decision for name in ("a", "b")}
    assert len(decisions) == 1
    assert decisions <= {Decision.RECORD_AND_SAMPLE, Decision.RECORD_ONLY}


def test_the_ratio_is_kept() -> None:
    sent = sum(
        HeadSampler(0.3).should_sample(None, trace_id(f"run {n}"), "x").decision is Decision.RECORD_AND_SAMPLE
        for n in range(2_000)
    )
    assert 500 < sent < 700
    assert HeadSampler(1.0).should_sample(None, 2**128 - 1, "x").decision is Decision.RECORD_AND_SAMPLE
    assert HeadSampler(0.0).should_sample(None, 2**64, "x").decision is Decision.RECORD_ONLY


async def test_a_trace_of_nothing_is_refused(tmp_path: Path) -> None:
    async with tracing(folder=tmp_path):
        pass
    with pytest.raises(Refused):
        await read_trace(tmp_path, "r1")


async def test_a_question_that_was_decided_is_a_span_from_asking_to_deciding(tmp_path: Path) -> None:
    heard: list[ReadableSpan] = []
    asked_at = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)
    async with tracing(folder=tmp_path, listeners=[heard.append]) as t:
        root = t.begin(Identity(run="r1"))
        t.waited(
            Identity(run="r1", user="ana"),
            ballot="b1",
            tier="high",
            state="approved",
            asked_at=asked_at,
            decided_at=asked_at + timedelta(hours=2),
            links=[root],
        )
    span = heard[1]
    assert (span.start_time, span.end_time) == (1_767_323_045_678_901_000, 1_767_330_245_678_901_000)
    assert span.links[0].context.span_id == root.span_id
    assert dict(span.attributes or {}).items() >= {"app.ballot.state": "approved", "app.run.id": "r1"}.items()
    assert (await read_trace(tmp_path, "r1")).children[0].duration_ms == 7_200_000


async def test_langfuse_is_told_what_a_call_cost() -> None:
    heard: list[ReadableSpan] = []
    async with tracing(folder=None, listeners=[heard.append]) as t:
        for cost in ("0.0125", "much"):
            with t.tracer.start_as_current_span("chat m", attributes={"app.cost": cost}):
                pass
    assert [(span.attributes or {})["gen_ai.usage.cost"] for span in heard] == [0.0125, 0.0]
