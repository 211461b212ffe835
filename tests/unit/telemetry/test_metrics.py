from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Status, StatusCode
from prometheus_client.parser import text_string_to_metric_families

from telemetry import GaugeReading, Metrics, Waiting, tracing

ANY = st.none() | st.integers() | st.floats() | st.text(max_size=5) | st.booleans()


def ended(name: str, *, seconds: float = 1.0, error: str = "", **attributes: Any) -> ReadableSpan:
    said = {key.replace("__", "."): value for key, value in attributes.items()}
    status = Status(StatusCode.ERROR if error else StatusCode.UNSET)
    return ReadableSpan(
        name,
        attributes=said | ({"error.type": error} if error else {}),
        status=status,
        start_time=0,
        end_time=int(seconds * 1e9),
    )


def read(metrics: Metrics, **page: Any) -> dict[tuple[str, ...], float]:
    body, kind = metrics.page(**page)
    assert kind.startswith("text/plain")
    return {
        (sample.name, *(said for _, said in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_a_model_call_is_measured_and_billed() -> None:
    metrics = Metrics()
    metrics.heard(
        ended(
            "chat m",
            seconds=2,
            gen_ai__request__model="m",
            gen_ai__usage__input_tokens=800,
            gen_ai__usage__output_tokens=90,
            app__cost="0.25",
            app__org__id="acme",
            user__id="ana",
            gen_ai__response__time_to_first_chunk=0.3,
        )
    )
    seen = read(metrics)
    assert seen["gen_ai_client_inference_duration_seconds_sum", "", "m"] == 2
    assert seen["gen_ai_client_inference_time_to_first_chunk_seconds_sum", "m"] == 0.3
    assert seen["gen_ai_client_inference_usage_input_tokens_sum", "m"] == 800
    assert seen["signoff_tokens_total", "acme", "ana"] == 890
    assert seen["signoff_cost_total", "acme", "ana"] == 0.25


def test_nodes_commands_decisions_and_runs_are_measured() -> None:
    metrics = Metrics()
    metrics.heard(ended("invoke_agent plan", gen_ai__agent__name="plan", error="llm_unavailable"))
    metrics.heard(ended("sandbox.exec", app__command__ended="oom"))
    metrics.heard(ended("execute_tool grep", gen_ai__tool__name="grep"))
    metrics.heard(ended("approval.wait", seconds=90, app__tier="high", app__ballot__state="approved"))
    metrics.heard(ended("run.segment 1", app__status="interrupted"))
    metrics.heard(ended("run.segment 2", app__status="delivered"))
    seen = read(metrics)
    assert seen["gen_ai_invoke_agent_duration_seconds_count", "llm_unavailable", "plan"] == 1
    assert seen["signoff_errors_total", "llm_unavailable"] == 1
    assert seen["signoff_sandbox_exec_duration_seconds_count", "oom"] == 1
    assert seen["gen_ai_execute_tool_duration_seconds_count", "grep"] == 1
    assert seen["signoff_decision_latency_seconds_sum", "high"] == 90
    assert seen["signoff_decisions_total", "approved", "high"] == 1
    assert seen["signoff_runs_ended_total", "", "delivered"] == 1
    assert ("signoff_runs_ended_total", "", "interrupted") not in seen


def test_a_tool_of_a_server_and_a_command_are_calls_of_tools() -> None:
    metrics = Metrics()
    metrics.heard(ended("tool.call", gen_ai__tool__name="tickets.search"))
    metrics.heard(ended("sandbox.exec", app__command__ended="exit"))
    seen = read(metrics)
    assert seen["gen_ai_execute_tool_duration_seconds_count", "tickets.search"] == 1
    assert seen["gen_ai_execute_tool_duration_seconds_count", "shell"] == 1


def test_loops_caches_costs_and_lost_leases_are_counted() -> None:
    metrics = Metrics()
    metrics.heard(ended("invoke_agent observe", gen_ai__agent__name="observe", app__loop="stop"))
    metrics.heard(ended("run.segment 1", app__status="interrupted", app__spent__cost="0.2"))
    metrics.heard(ended("run.segment 2", app__status="delivered", app__spent__cost="0.7"))
    metrics.heard(ended("run.segment 1", error="lease_lost"))
    counts = {"app.cache.kind": "plans", "app.cache.hit": 3, "app.cache.miss": 1}
    events = [Event("cache", counts), Event("cache", {"app.cache.hit": "many"}), Event("other")]
    metrics.heard(ReadableSpan("chat", start_time=0, end_time=1, events=events))
    seen = read(metrics)
    assert seen["signoff_loops_total", "stop"] == 1
    assert (seen["signoff_run_cost_count", "delivered"], seen["signoff_run_cost_sum", "delivered"]) == (1, 0.7)
    assert seen["signoff_happenings_total", "lease_lost"] == 1
    assert ("signoff_runs_ended_total", "lease_lost", "unknown") not in seen
    assert (
        seen["signoff_cache_requests_total", "plans", "hit"],
        seen["signoff_cache_requests_total", "plans", "miss"],
    ) == (
        3,
        1,
    )


def test_answers_of_the_api_are_counted_by_template_and_kind() -> None:
    metrics = Metrics()
    metrics.answered("GET", "/threads/{thread_id}", 404, 0.02)
    for number in range(300):
        metrics.answered("GET", f"/{number}", 200, 0.02)
    seen = read(metrics)
    assert seen["signoff_http_request_duration_seconds_count", "GET", "/threads/{thread_id}", "4xx"] == 1
    assert seen["signoff_http_request_duration_seconds_count", "GET", "/threads/{thread_id}", "5xx"] == 0
    assert seen["signoff_http_request_duration_seconds_count", "GET", "other", "2xx"] == 101


def test_what_was_read_for_a_page_is_on_that_page_only() -> None:
    metrics = Metrics()
    readings = [
        GaugeReading(name="signoff_database_up", amount=1),
        GaugeReading(name="signoff_queue_turns", amount=4, labels={"state": "waiting"}),
    ]
    seen = read(metrics, readings=readings, waiting=[Waiting(tier="high", age_s=5 * 3_600)])
    assert (seen["signoff_database_up",], seen["signoff_queue_turns", "waiting"]) == (1, 4)
    assert (seen["signoff_ballots_older_than", "4", "high"], seen["signoff_ballots_older_than", "24", "high"]) == (1, 0)
    assert ("signoff_queue_turns", "waiting") not in read(metrics)


def test_how_things_stand_is_read_for_each_page() -> None:
    metrics = Metrics()
    waiting = [Waiting(tier="high", age_s=5), Waiting(tier="high", age_s=70), Waiting(tier="critical", age_s=1)]
    seen = read(metrics, runs={"running": 2, "waiting": 3}, waiting=waiting)
    assert seen["signoff_runs", "waiting"] == 3
    assert (seen["signoff_pending_ballots", "high"], seen["signoff_oldest_ballot_age_seconds", "high"]) == (2, 70)
    assert ("signoff_pending_ballots", "high") not in read(metrics)


def test_what_no_span_tells_is_counted_by_hand() -> None:
    metrics = Metrics()
    assert read(metrics)["signoff_happenings_total", "job_rescued"] == 0, "a rate needs the time before"
    metrics.happened("job_rescued")
    metrics.happened("job_rescued", 2)
    assert read(metrics)["signoff_happenings_total", "job_rescued"] == 3


def test_names_without_end_become_other() -> None:
    metrics = Metrics()
    for number in range(300):
        metrics.heard(ended("chat m", user__id=f"u{number}", app__cost=1.0))
    users = {key[2]: value for key, value in read(metrics).items() if key[0] == "signoff_cost_total"}
    assert len(users) == 201
    assert users["other"] == 100


KEYS = st.sampled_from(
    ["app__status", "app__cost", "gen_ai__usage__input_tokens", "error__type", "gen_ai__response__time_to_first_chunk"]
)
NAMES = st.sampled_from(["chat", "invoke_agent", "run.segment 1", "approval.wait", "sandbox.start", "", "x y"])


@given(st.dictionaries(KEYS, ANY), NAMES)
def test_no_span_breaks_the_counting(attributes: dict[str, Any], name: str) -> None:
    metrics = Metrics()
    metrics.heard(ended(name, **attributes))
    read(metrics)


async def test_metrics_listen_to_spans() -> None:
    metrics = Metrics()
    async with tracing(folder=None, ratio=0.0, listeners=[metrics.heard]) as t:
        with t.tracer.start_as_current_span("invoke_agent plan", attributes={"gen_ai.agent.name": "plan"}):
            pass
    assert read(metrics)["gen_ai_invoke_agent_duration_seconds_count", "", "plan"] == 1
