"""A run whose budget is spent parks where everybody sees it, and goes on after a top-up, on both databases."""

from pathlib import Path

import pytest

from models import Scripted
from tests.integration.models.choosing import saying
from tests.wire.openai_server import OpenAIServer
from tests.worlds import postgres
from tests.worlds.cli import Cli
from tests.worlds.house import FIX, OK, QUICK, repository
from tests.worlds.served import served


@pytest.mark.parametrize("on", ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])])
async def test_a_spent_budget_parks_the_run_and_a_top_up_goes_on(
    tmp_path: Path, on: str, request: pytest.FixtureRequest
) -> None:
    server = await postgres.emptied(request.getfixturevalue("socket"), "service") if on == "postgres" else ""
    models = {"coder": Scripted([FIX], name="coder"), "reviewer": Scripted([OK], name="reviewer")}
    wanted = {
        "text": "Fix the total",
        "repo": str(repository(tmp_path / "repo")),
        "accept": QUICK,
        "budget": {"max_tokens": 100},
    }
    async with served(tmp_path, whole=True, models=models, server=server) as running, running.http() as http:
        asked = {"assistant_id": "coding", "input": {"task": wanted}}
        done = await http.post("/runs/wait", json=asked)
        thread = done.headers["content-location"].split("/")[2]
        run = (await http.get(f"/v1/runs/{thread}")).json()
        assert (run["status"], run["code"]) == ("paused_budget", "budget_spent")
        assert "--max-tokens" in run["hint"]
        (turn,) = (await http.get(f"/threads/{thread}/runs")).json()
        assert (turn["status"], turn["error"]["code"]) == ("interrupted", "budget_spent")
        assert (await http.post(f"/v1/runs/{thread}/resume", json={"max_tokens": -1})).status_code == 422
        again = await http.post(f"/v1/runs/{thread}/resume", json={"max_tokens": 400_000})
        assert again.status_code == 200
        await http.get(f"/threads/{thread}/runs/{again.json()['run_id']}/join")
        assert (await http.get(f"/v1/runs/{thread}")).json()["status"] == "interrupted", "it waits for its signature"


@pytest.mark.slow
@pytest.mark.parametrize("on", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
async def test_so_it_does_at_the_terminal(tmp_path: Path, on: str, request: pytest.FixtureRequest) -> None:
    """Each command is a process of its own: what is spent, and what is raised, is in the database."""
    async with OpenAIServer(saying(), models=["m"]) as model:
        cli = Cli(tmp_path, {"SIGNOFF_SANDBOX": "unsafe-local", "SIGNOFF_MODEL_BASE_URL": model.base_url})
        if on == "postgres":
            cli.env["SIGNOFF_DATABASE_URL"] = await postgres.emptied(request.getfixturevalue("socket"), "service")
        repo = repository(tmp_path / "repo")
        wish = ("--task", "Fix the total", "--repo", str(repo), "--accept", QUICK)
        stopped = await cli.run("run", *wish, "--max-tokens", "100", "--json")
        assert (stopped.code, stopped.json["status"], stopped.json["code"]) == (3, "paused_budget", "budget_spent")
        run = stopped.json["run"]
        again = await cli.run("resume", run, "--json")
        assert (again.code, again.json["status"]) == (3, "paused_budget"), "asking again is no top-up"
        assert model.asked == []
        done = await cli.run("resume", run, "--max-tokens", "400000", "--sign-as", "ann", "--json")
        assert (done.code, done.json["status"]) == (0, "delivered"), done.err
