"""Everything that can be wrong has a code and says what to do."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.wire.openai_server import OpenAIServer
from tests.worlds.cli import Cli
from tests.worlds.house import repository

pytestmark = [pytest.mark.docker, pytest.mark.slow]

NO_TESTS = {"app.txt": "hello\n"}


async def told(cli: Cli, repo: Path | str, *more: str) -> dict[str, Any]:
    """Run, and return the code and the hint, however it was refused."""
    ended = await cli.run("run", "--repo", str(repo), "--task", "Fix it", "--deliver", "patch", "--json", *more)
    assert ended.code == 2
    said = ended.json
    found: dict[str, Any] = said.get("error", said)
    assert found["message"]
    assert found["hint"]
    return found


async def test_a_repository_that_is_none(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    assert (await told(cli, tmp_path / "nowhere"))["code"] == "not_a_repository"
    (tmp_path / "plain").mkdir()
    assert (await told(cli, tmp_path / "plain"))["code"] == "not_a_repository"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("--base", "no-such-branch"), "unknown_revision"),
        (("--accept", "no-such-command --at all"), "acceptance_not_found"),
        (("--deliver", "pigeon"), "option_invalid"),
        (("--strategy", "hopeful"), "unknown_strategy"),
        (("--expert", "code_cobol"), "unknown_expert"),
        (("--accept", "true"), "no_failing_test"),
    ],
)
async def test_options_that_do_not_fit(tmp_path: Path, more: tuple[str, ...], code: str) -> None:
    assert (await told(Cli(tmp_path), repository(tmp_path / "repo"), *more))["code"] == code


async def test_no_acceptance_command_can_be_found(tmp_path: Path) -> None:
    assert (await told(Cli(tmp_path), repository(tmp_path / "repo", NO_TESTS)))["code"] == "acceptance_not_found"


@pytest.mark.parametrize(
    ("env", "code"),
    [
        ({"SIGNOFF_SANDBOX_IMAGE": "signoff-no-such-image:1"}, "image_missing"),
        ({"DOCKER_HOST": "unix:///nonexistent/docker.sock"}, "docker_missing"),
        ({"SIGNOFF_SANDBOX_RUNTIME": "runsc"}, "runtime_unsupported"),
        ({"SIGNOFF_SANDBOX_MEMORY_MB": "little"}, "settings_invalid"),
        ({"SIGNOFF_MODEL": "named-but-not-served"}, "settings_invalid"),
    ],
)
async def test_a_machine_that_is_not_ready(tmp_path: Path, env: dict[str, str], code: str) -> None:
    assert (await told(Cli(tmp_path, env), repository(tmp_path / "repo")))["code"] == code


@pytest.mark.parametrize(
    ("script", "code"),
    [
        ([{"status": 401, "repeat": True}], "llm_unauthorized"),
        ([{"status": 404, "repeat": True}], "llm_unknown_model"),
    ],
)
async def test_an_endpoint_that_says_no(tmp_path: Path, script: list[dict[str, Any]], code: str) -> None:
    async with OpenAIServer(script) as server:
        cli = Cli(tmp_path, {"SIGNOFF_MODEL_BASE_URL": server.base_url, "SIGNOFF_MODEL": "fake-model"})
        found = await told(cli, repository(tmp_path / "repo"), "--strategy", "single", "--no-pipeline")
        assert found["code"] == code


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Unexpected endpoint or method. (POST /chat/completions)", "llm_unknown_model"),
        ("insufficient credits: top up at the counter", "llm_no_credit"),
    ],
)
async def test_what_an_endpoint_says_with_status_200_is_read_by_who_runs(tmp_path: Path, words: str, code: str) -> None:
    """LM Studio says so where ``/v1`` is missing, proxies where somebody has to pay."""
    script = [{"raw": json.dumps({"error": words}), "repeat": True}]
    async with OpenAIServer(script) as server:
        cli = Cli(tmp_path, {"SIGNOFF_MODEL_BASE_URL": server.base_url, "SIGNOFF_MODEL": "fake-model"})
        found = await told(cli, repository(tmp_path / "repo"), "--strategy", "single", "--no-pipeline")
    assert found["code"] == code
    assert words in found["message"]


async def test_runs_and_ballots_that_are_not_there(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    assert (await cli.run("show", "nope", "--json")).json["error"]["code"] == "run_not_found"
    assert (await cli.run("approvals", "approve", "nope", "--json")).json["error"]["code"] == "approval_missing"


async def test_fix_answers_in_json_whatever_comes_in(tmp_path: Path) -> None:
    cli = Cli(tmp_path)
    for bad in (b"", b"[]", b'{"files": {"../x": "y"}}', b'{"files": 1}', b"\xff"):
        ended = await cli.run("fix", stdin=bad)
        assert ended.code != 0
        assert ended.json["error"]["code"] == "input_invalid"
