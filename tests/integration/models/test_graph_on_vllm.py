"""The whole graph over a real vLLM: the plans and changes are nonsense, everything around them is not."""

import re
from pathlib import Path

import pytest

from tests.integration.models.vllm_server import MODEL, Vllm
from tests.worlds.cli import Cli
from tests.worlds.house import repository

pytestmark = [pytest.mark.vllm, pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]

LONG = "Please make total add up every number it is given. " * 6
WAITS, FAILED, REFUSED, SPENT = 4, 1, 2, 3
CAME_TO_AN_END = {WAITS, FAILED, SPENT}
"""Nonsense may also be a command that needs a signature: then the run waits for one, and nothing ran."""
EXPERTS = """
models:
  - id: tiny
    endpoint: {base_url}
    lora: {{code_python: {adapter}}}
"""


def asked(server: Vllm, home: Path, **env: str) -> Cli:
    return Cli(home, {"SIGNOFF_MODEL_BASE_URL": server.base_url, "SIGNOFF_MODEL": MODEL, **env})


def with_adapter(server: Vllm, home: Path, adapter: str) -> Cli:
    """The same model, asked by another name where the expert has an adapter."""
    catalogue = home / "catalogue.yaml"
    catalogue.write_text(EXPERTS.format(base_url=server.base_url, adapter=adapter), encoding="utf-8")
    return asked(server, home, SIGNOFF_CATALOGUE=str(catalogue))


async def test_planner_coder_and_reviewer_answer_and_evidence_decides(server: Vllm, tmp_path: Path):
    """Every answer parses; the change that works is the repair engine's, and the model's loses by evidence."""
    cli = asked(server, tmp_path)
    ended = await cli.run("run", "--repo", str(repository(tmp_path / "repo")), "--task", LONG, "--json")
    assert ended.code in CAME_TO_AN_END, ended.err
    told = ended.json
    assert not told["code"].startswith("llm_"), told["message"]
    assert told["spent"]["model_calls"] >= 2
    assert told["spent"]["tokens_in"] > 0
    spans = (await cli.run("trace", told["run"], "--json")).out
    assert f"chat {MODEL}" in spans
    assert {"plan", "execute"} <= set(re.findall(r"\b(\w+)@[0-9a-f]{12}", spans)), "each span says which prompt"
    assert "gen_ai.response.time_to_first_chunk" in spans


async def test_nonsense_alone_comes_to_an_end(server: Vllm, tmp_path: Path):
    """One model, nobody else: the same empty change again and again is noticed, and the run gives up."""
    cli = asked(server, tmp_path)
    one = ["--strategy", "single", "--max-steps", "6"]
    ended = await cli.run("run", "--repo", str(repository(tmp_path / "repo")), "--task", LONG, *one, "--json")
    assert ended.code in CAME_TO_AN_END, ended.err
    assert not ended.json.get("code", "").startswith("llm_")


async def test_a_budget_of_tokens_ends_the_run_before_it_is_overdrawn(server: Vllm, tmp_path: Path):
    cli = asked(server, tmp_path)
    bound = ["--strategy", "single", "--max-tokens", "6000"]
    ended = await cli.run("run", "--repo", str(repository(tmp_path / "repo")), "--task", LONG, *bound, "--json")
    assert ended.code in CAME_TO_AN_END, ended.err
    spent = ended.json["spent"]
    assert spent["tokens_in"] + spent["tokens_out"] <= 6_000


async def test_an_expert_s_adapter_is_asked(server: Vllm, tmp_path: Path):
    """Loaded while the server runs, chosen by the expert, seen on the span."""
    await server.load_adapter("tiny-python")
    cli = with_adapter(server, tmp_path, "tiny-python")
    one = ["--strategy", "single", "--expert", "code_python", "--max-steps", "2"]
    ended = await cli.run("run", "--repo", str(repository(tmp_path / "repo")), "--task", LONG, *one, "--json")
    assert ended.code in CAME_TO_AN_END, ended.err
    assert "chat tiny-python" in (await cli.run("trace", ended.json["run"])).out


async def test_an_adapter_that_nobody_loaded_ends_the_run_and_says_so(server: Vllm, tmp_path: Path):
    cli = with_adapter(server, tmp_path, "nobody-loaded-it")
    one = ["--strategy", "single", "--expert", "code_python"]
    ended = await cli.run("run", "--repo", str(repository(tmp_path / "repo")), "--task", LONG, *one, "--json")
    assert ended.code == REFUSED, ended.err
    assert ended.json["code"] == "llm_unknown_model"
    assert "nobody-loaded-it" in ended.json["message"]
