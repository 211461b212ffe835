"""``signoff run`` and its companions, end to end: real Docker, a model on the wire or none."""

from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from domain import Task
from service.wiring.application import open_application
from tests.wire.openai_server import OpenAIServer
from tests.worlds.cli import Cli
from tests.worlds.house import BUGGY, FIX, OK, git, repository, settings

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(300)]

PLAN = {"goal": "Sum all prices", "steps": [{"id": "sum", "title": "Sum all prices"}]}
SCRIPT: list[dict[str, Any]] = [
    {"when": "plan", "repeat": True, "answer": PLAN},
    {"when": "code_change", "repeat": True, "answer": FIX},
    {"when": "review", "repeat": True, "answer": OK},
]
LONG = "Please make total add up every number it is given. " * 6


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return repository(tmp_path / "repo")


@asynccontextmanager
async def model(tmp_path: Path, script: list[dict[str, Any]]) -> AsyncGenerator[tuple[Cli, OpenAIServer]]:
    """A command line that has a model to ask."""
    async with OpenAIServer(script) as server:
        yield Cli(tmp_path, {"SIGNOFF_MODEL_BASE_URL": server.base_url}), server


@pytest.fixture
async def asked(tmp_path: Path) -> AsyncIterator[tuple[Cli, OpenAIServer]]:
    async with model(tmp_path, SCRIPT) as both:
        yield both


async def test_a_model_plans_changes_and_reviews(asked: tuple[Cli, OpenAIServer], repo: Path) -> None:
    cli, server = asked
    ended = await cli.run("run", "--repo", str(repo), "--task", LONG, "--deliver", "patch", "--json")
    assert ended.code == 0, ended.err
    told = ended.json
    assert told["status"] == "delivered"
    assert told["plan"]["stage"] == "plan"
    assert told["plan"]["goal"] == PLAN["goal"]
    assert told["changes"][-1]["stage"] == "code"
    assert told["review"]["stage"] == "review"
    assert told["review"]["status"] == "ok"
    assert told["proof"]["exit_code"] == 0
    assert told["proof"]["passed"] == 2
    assert told["spent"]["model_calls"] == 3
    assert "+    return sum(prices)" in told["diff"]
    asked_for = Counter(r.path.rpartition("/")[2] for r in server.requests)
    assert asked_for.pop("completions") == 3
    assert asked_for.pop("models") >= 1
    assert asked_for.pop("tokenize") == 1
    assert set(asked_for) <= {"version", "props", "ps", "show", "tags"}, "whose server it is"


async def test_a_run_waits_for_its_signature_and_goes_on_after_it(asked: tuple[Cli, OpenAIServer], repo: Path) -> None:
    cli, _ = asked
    ended = await cli.run("run", "--repo", str(repo), "--task", "Fix the total", "--json")
    assert ended.code == 4, ended.err
    run, ballot = ended.json["run"], ended.json["waits_for"]
    assert git(repo, "branch", "--list", "signoff/*") == ""
    assert (await cli.run("resume", run, "--json")).code == 4, "a bare resume approves nothing"
    shown = await cli.run("approvals", "show", ballot[:8])
    assert "Count the first price too" in shown.out
    assert "sha256:" in shown.out
    assert (await cli.run("approvals", "approve", ballot[:8])).code == 0
    done = await cli.run("resume", run, "--json")
    assert done.code == 0, done.err
    branch = done.json["delivered"]["ref"]
    assert git(repo, "show", f"{branch}:shop/prices.py").endswith("return sum(prices)")
    again = await cli.run("resume", run, "--json")
    assert again.json["delivered"] == done.json["delivered"]
    assert len(git(repo, "branch", "--list", "signoff/*").splitlines()) == 1
    verified = await cli.run("audit", "verify", "--json")
    assert verified.code == 0
    assert verified.json["lines"] >= 3


async def test_without_a_model_the_repair_engine_is_announced_and_does_it(tmp_path: Path, repo: Path) -> None:
    cli = Cli(tmp_path)
    ended = await cli.run("run", "--repo", str(repo), "--task", "Fix the total", "--sign-as", "ann", "--json")
    assert ended.code == 0, ended.err
    assert "built-in repair engine" in ended.err
    assert ended.json["approval"]["votes"][0]["voter"] == "ann"
    traced = await cli.run("trace", ended.json["run"])
    assert "invoke_agent deliver" in traced.out
    assert "did not end" not in traced.out
    assert "sandbox.exec" in traced.out
    assert "risk.classify" in traced.out


async def test_an_endpoint_that_is_down_does_not_stop_a_repair(tmp_path: Path, repo: Path) -> None:
    cli = Cli(tmp_path, {"SIGNOFF_MODEL_BASE_URL": "http://127.0.0.1:9/v1", "SIGNOFF_STRATEGY": "fast"})
    ended = await cli.run("run", "--repo", str(repo), "--task", "Fix the total", "--deliver", "patch", "--json")
    assert ended.code == 0, ended.err
    assert ended.json["spent"]["model_calls"] == 0


@pytest.mark.parametrize("moment", ["receive", "plan ", r"execute\s+change", r"review\s+.*\$", "ask "])
async def test_kill_minus_nine_anywhere_and_resume(asked: tuple[Cli, OpenAIServer], repo: Path, moment: str) -> None:
    cli, _ = asked
    args = ["run", "--repo", str(repo), "--task", "Fix the total", "--sign-as", "ann"]
    run = await cli.killed_when(moment, args)
    ended = await cli.run("resume", run, "--sign-as", "ann", "--json")
    assert ended.json.get("status") == "delivered", ended.err
    assert ended.json["proof"]["exit_code"] == 0
    assert len(git(repo, "branch", "--list", "signoff/*").splitlines()) == 1
    assert git(repo, "status", "--porcelain") == ""


async def test_a_fork_starts_from_any_step_with_its_files(asked: tuple[Cli, OpenAIServer], repo: Path) -> None:
    cli, _ = asked
    first = (await cli.run("run", "--repo", str(repo), "--task", "Fix the total", "--deliver", "patch", "--json")).json
    steps = (await cli.run("show", first["run"], "--json")).json["steps"]
    before_review = next(s["step"] for s in steps if s["next"] == "review")
    forked = await cli.run("fork", first["run"], "--at", str(before_review), "--json")
    assert forked.code == 0, forked.err
    assert forked.json["forked_from"] == first["run"]
    assert forked.json["diff"] == first["diff"]
    assert (await cli.run("fork", first["run"], "--at", "999", "--json")).json["error"]["code"] == "step_unknown"


async def test_a_spent_budget_pauses_and_more_of_it_goes_on(tmp_path: Path, repo: Path) -> None:
    wrong = {
        "files_to_update": [{"path": "shop/prices.py", "search": "sum(prices[1:])", "replace": "sum(prices[0:1])"}]
    }
    right = {"files_to_update": [{"path": "shop/prices.py", "search": "sum(prices[0:1])", "replace": "sum(prices)"}]}
    script: list[dict[str, Any]] = [{"when": "code_change", "answer": wrong}, {"when": "code_change", "answer": right}]
    async with model(tmp_path, script) as (cli, server):
        args = (
            "--repo",
            str(repo),
            "--task",
            "Fix the total",
            "--deliver",
            "patch",
            "--no-pipeline",
            "--strategy",
            "single",
        )
        ended = await cli.run("run", *args, "--max-steps", "1", "--json")
        assert (ended.code, ended.json["status"], ended.json["code"]) == (3, "paused_budget", "budget_spent")
        assert [r.path for r in server.requests if r.path.endswith("completions")] == ["/v1/chat/completions"]
        done = await cli.run("resume", ended.json["run"], "--max-steps", "5", "--json")
        assert done.code == 0, done.err


async def test_the_users_own_work_is_never_touched(asked: tuple[Cli, OpenAIServer], repo: Path) -> None:
    cli, _ = asked
    (repo / "notes.txt").write_text("mine")
    (repo / "shop" / "prices.py").write_text(BUGGY["shop/prices.py"] + "# mine\n")
    ended = await cli.run("run", "--repo", str(repo), "--task", "Fix the total", "--sign-as", "ann", "--json")
    assert ended.code == 0, ended.err
    assert "uncommitted changes are not part of it" in ended.err
    assert (repo / "shop" / "prices.py").read_text().endswith("# mine\n")
    assert (repo / "notes.txt").read_text() == "mine"
    refused = await cli.run(
        "run", "--repo", str(repo), "--task", "Fix the total", "--deliver", "commit", "--sign-as", "ann", "--json"
    )
    assert refused.json["code"] == "dirty_tree"


async def test_cancel_ends_a_run_and_its_approvals(asked: tuple[Cli, OpenAIServer], repo: Path) -> None:
    cli, _ = asked
    waiting = (await cli.run("run", "--repo", str(repo), "--task", "Fix the total", "--json")).json
    assert (await cli.run("cancel", waiting["run"])).code == 0
    assert (await cli.run("approvals", "approve", waiting["waits_for"])).code != 0
    assert (await cli.run("resume", waiting["run"], "--json")).json["error"]["code"] == "run_cancelled"


async def test_the_ids_of_the_list_can_be_copied_from_a_narrow_terminal(tmp_path: Path) -> None:
    made = settings(tmp_path)
    cli, run = Cli(tmp_path, {"SIGNOFF_HOME": str(made.home), "COLUMNS": "60"}), str(uuid4())
    task = Task(text="A long text that goes on and on", repo="/some/long/name-of-a-repository", requester="ann")
    async with open_application(made) as application:
        await application.engine.create(task, id=run)
    assert run in (await cli.run("list")).out
