"""A whole run with a signature in it, as Langfuse, the metrics and the local tree get to see it."""

from pathlib import Path

from telemetry import read_trace, trace_id
from tests.worlds.house import FIX, OK, advance, application, decide, repository, start, task

CANARY = "sk-lf-canary-7f3a9e"


async def test_a_signed_run_is_one_trace_with_its_question_its_sandbox_and_its_scores(tmp_path: Path, receiver) -> None:
    receiver.statuses, receiver.answer = [202], b'{"message": "Accepted"}'
    repo = repository(tmp_path / "repo")
    langfuse = {"LANGFUSE_HOST": receiver.url, "LANGFUSE_PUBLIC_KEY": "pk", "LANGFUSE_SECRET_KEY": CANARY}
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}, **langfuse) as opened:
        standing, _ = await start(opened, task(repo))
        ballot = standing.ballot
        await decide(opened, standing, "approve", comment=f"fine by me, {CANARY}")
        standing, _ = await advance(opened, standing.run.id)
        assert standing.run.status == "delivered"
        metrics = opened.metrics.page()[0].decode()
    run = standing.run.id

    tree = await read_trace(tmp_path / "home" / "traces", run)
    spans = {branch.span.name: branch.span for branch in tree.walk()}
    assert {"sandbox.start", "sandbox.exec", "approval.wait", "invoke_agent deliver"} <= spans.keys()
    assert all(branch.span.state == "ok" for branch in tree.walk())
    waited = spans["approval.wait"]
    assert (waited.attributes["app.ballot"], waited.attributes["app.ballot.state"]) == (ballot, "approved")
    assert [child.span.name for child in tree.children].count("approval.wait") == 1

    assert {span.trace_id for span in receiver.spans()} == {trace_id(run).to_bytes(16)}
    assert {span.name for span in receiver.spans()} == spans.keys()
    (scored,) = [request for request in receiver.requests if request.path == "/api/public/scores"]
    assert {score["name"]: score["value"] for score in scored.json()} == {
        "human_approval": 1,
        "tests_passed": 1,
        "review_verdict": "ok",
        "cost_usd": 0,
    }
    assert next(score["id"] for score in scored.json() if score["name"] == "human_approval") == ballot

    assert 'signoff_decisions_total{state="approved",tier="high"} 1.0' in metrics
    assert 'signoff_sandbox_start_duration_seconds_count{runtime="none"}' in metrics
    assert 'signoff_runs_ended_total{code="",status="delivered"} 1.0' in metrics
    assert CANARY not in str(receiver.spans())
    assert CANARY.encode() not in scored.body
    assert CANARY not in (tmp_path / "home" / "traces" / f"{run}.jsonl").read_text()
