"""With a collector or Langfuse configured, a run sends the spans that ``signoff trace`` shows, as one trace."""

import base64
import hashlib
from pathlib import Path

import pytest

from tests.integration.telemetry.conftest import Receiver, receiver
from tests.worlds.cli import Cli
from tests.worlds.house import repository

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]

__all__ = ["receiver"]  # the fixture, so that pytest finds it here
NODES = ("receive", "plan", "execute", "observe", "review", "assess", "ask", "deliver")


@pytest.mark.parametrize("to", ["collector", "langfuse"])
async def test_a_run_is_one_trace_wherever_it_is_sent(tmp_path: Path, receiver: Receiver, to: str) -> None:
    env = {
        "collector": {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url},
        "langfuse": {"LANGFUSE_HOST": receiver.url, "LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": "sk-canary"},
    }[to]
    cli = Cli(tmp_path, env)
    repo = repository(tmp_path / "repo")
    waiting = await cli.run("run", "--repo", str(repo), "--task", "Fix the total", "--json")
    run = waiting.json["run"]
    assert (await cli.run("approvals", "approve", waiting.json["waits_for"])).code == 0
    assert (await cli.run("resume", run)).code == 0

    spans = receiver.spans()
    assert {span.trace_id for span in spans} == {hashlib.sha256(run.encode()).digest()[:16]}, "one trace over the pause"
    names = {span.name for span in spans}
    assert {f"invoke_agent {node}" for node in NODES} <= names
    assert {"sandbox.exec", "risk.classify", "run.segment 1", "run.segment 2"} <= names
    for span in spans:
        said = {a.key: a.value.string_value for a in span.attributes}
        assert said["session.id"] == run
        assert said["app.run.id"] == run
    requests = [r for r in receiver.requests if r.path.endswith("/v1/traces")]
    if to == "langfuse":
        expected = "Basic " + base64.b64encode(b"pk:sk-canary").decode()
        assert {(r.path, r.headers["authorization"]) for r in requests} == {("/api/public/otel/v1/traces", expected)}
    else:
        assert {r.path for r in requests} == {"/v1/traces"}
    stored = "".join(p.read_text() for p in (tmp_path / "signoff" / "traces").iterdir())
    assert "canary" not in stored
