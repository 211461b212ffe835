"""The whole graph over a real vLLM: the plans and changes are nonsense, everything around them is not."""

from pathlib import Path

import pytest

from tests.integration.models.vllm_server import MODEL, Vllm
from tests.worlds.cli import Cli
from tests.worlds.house import repository

pytestmark = [pytest.mark.vllm, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

LONG = "Please make total add up every number it is given. " * 6
WAITS, FAILED, SPENT = 4, 1, 3


def asked(server: Vllm, home: Path) -> Cli:
    return Cli(home, {"SIGNOFF_MODEL_BASE_URL": server.base_url, "SIGNOFF_MODEL": MODEL})


async def test_planner_coder_and_reviewer_answer_and_evidence_decides(server: Vllm, tmp_path: Path):
    """Every answer parses; the change that works is the repair engine's, and the model's loses by evidence."""
    cli = asked(server, tmp_path)
    ended = await cli.run("run", "--repo", str(repository(tmp_path / "repo")), "--task", LONG, "--json")
    assert ended.code in {WAITS, FAILED}, ended.err
    told = ended.json
    assert not told["code"].startswith("llm_"), told["message"]
    assert told["spent"]["model_calls"] >= 2
    assert told["spent"]["tokens_in"] > 0
    spans = await cli.run("trace", told["run"])
    assert f"chat {MODEL}" in spans.out


async def test_nonsense_alone_comes_to_an_end(server: Vllm, tmp_path: Path):
    """One model, nobody else: the same empty change again and again is noticed, and the run says that it gave up."""
    cli = asked(server, tmp_path)
    one = ["--strategy", "single", "--max-steps", "6"]
    ended = await cli.run("run", "--repo", str(repository(tmp_path / "repo")), "--task", LONG, *one, "--json")
    assert ended.code in {FAILED, SPENT}, ended.err
    assert not ended.json.get("code", "").startswith("llm_")
