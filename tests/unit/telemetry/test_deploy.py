"""What is deployed speaks of things that exist."""

import json
import re
from pathlib import Path
from typing import Any

import yaml

from telemetry import Metrics, to_collector, to_langfuse

DEPLOY = Path(__file__).parents[3] / "deploy"
_VLLM = """
num_requests_running num_requests_waiting kv_cache_usage_perc prefix_cache_hits_total prefix_cache_queries_total
prompt_tokens_total generation_tokens_total num_preemptions_total time_to_first_token_seconds_bucket
inter_token_latency_seconds_bucket e2e_request_latency_seconds_bucket request_queue_time_seconds_bucket
request_prefill_time_seconds_bucket request_decode_time_seconds_bucket
"""
VLLM = frozenset(f"vllm:{name}" for name in _VLLM.split())
"""As vLLM's own /metrics spells them."""


def dashboard() -> dict[str, Any]:
    return json.loads((DEPLOY / "grafana" / "signoff.json").read_text())


def names() -> set[str]:
    """Every series that a process of ours can have."""
    found: set[str] = set()
    for family in Metrics().registry.collect():
        endings = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("_total",)}.get(family.type, ("",))
        found |= {family.name + ending for ending in endings}
    return found


def test_every_panel_asks_for_series_that_exist() -> None:
    expressions = [t["expr"] for panel in dashboard()["panels"] for t in panel.get("targets", ())]
    asked = {name for text in expressions for name in re.findall(r"\b(?:signoff_|gen_ai_\w+_|vllm:)[a-z_]+\b", text)}
    labels = {"gen_ai_agent_name", "gen_ai_tool_name", "gen_ai_request_model"}
    assert asked - labels <= names() | VLLM
    assert len(asked) > 30


def test_everything_that_is_measured_can_be_seen() -> None:
    shown = json.dumps(dashboard())
    unseen = {family.name for family in Metrics().registry.collect() if family.name not in shown}
    assert unseen <= {"signoff_segment_duration_seconds", "signoff_tokens"}


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in dashboard()["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells


def test_the_collector_sends_to_langfuse_as_we_do() -> None:
    config = yaml.safe_load((DEPLOY / "otel" / "collector.yaml").read_text())
    own = to_langfuse("http://lf", public_key="a", secret_key="b")  # noqa: S106 a test
    there = config["exporters"]["otlphttp/langfuse"]
    assert own.url == there["endpoint"].replace("${env:LANGFUSE_HOST}", "http://lf") + "/v1/traces"
    ours = own.headers["x-langfuse-ingestion-version"]
    assert there["headers"]["x-langfuse-ingestion-version"] == ours
    port = config["receivers"]["otlp"]["protocols"]["http"]["endpoint"].rsplit(":", 1)[1]
    assert to_collector(f"http://collector:{port}").url == "http://collector:4318/v1/traces"


def test_every_pipeline_is_made_of_parts_that_are_configured() -> None:
    config = yaml.safe_load((DEPLOY / "otel" / "collector.yaml").read_text())
    for pipeline in config["service"]["pipelines"].values():
        for part in ("receivers", "processors", "exporters"):
            assert set(pipeline[part]) <= set(config[part])
    assert set(config["service"]["extensions"]) <= set(config["extensions"])
    langfuse = config["service"]["pipelines"]["traces/langfuse"]
    assert "filter/signoff" in langfuse["processors"]
