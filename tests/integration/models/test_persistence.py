"""How long and how often models are asked stands in the catalogue (D2); a request may leave stages out (A11)."""

from pathlib import Path

import pytest

from domain import Task, Unavailable
from models import Message, Question, SelectionContext
from models.routing import load_catalogue
from tests.integration.models.choosing import catalogue, opened, saying
from tests.wire.openai_server import OpenAIServer
from tests.worlds.cli import Cli
from tests.worlds.house import QUICK, repository

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("fallbacks", [0, 1])
async def test_the_catalogue_says_how_often_and_whom(tmp_path: Path, fallbacks: int) -> None:
    down = [{"status": 500, "repeat": True}]
    async with OpenAIServer(down, models=["one"]) as one, OpenAIServer(down, models=["two"]) as two:
        mine = catalogue(
            tmp_path,
            models=[
                {"id": "one", "endpoint": one.base_url, "tier": "advanced"},
                {"id": "two", "endpoint": two.base_url, "tier": "fast"},
            ],
            persistence={"fallbacks": fallbacks, "attempts": 2, "first_pause_s": 0.01},
        )
        async with opened(tmp_path, catalogue=mine) as application:
            model = application.board.model(
                "coder", SelectionContext(run="r", org="local", task=Task(text="Fix it", repo=""))
            )
            with pytest.raises(Unavailable):
                await model.ask(
                    Question(
                        (Message(role="user", content="Fix it"),), str, settings=application.selection.settings("coder")
                    )
                )
    assert (len(one.asked), len(two.asked)) == (2, 2 * fallbacks)


def test_a_role_has_its_own_time(tmp_path: Path) -> None:
    mine = load_catalogue(catalogue(tmp_path, roles={"coder": {"temperature": 0, "max_tokens": 9, "timeout_s": 7}}))
    assert mine.settings("coder", timeout_s=300).timeout_s == 7
    assert mine.settings("planner", timeout_s=300).timeout_s == 300
    assert (mine.persistence.attempts, mine.persistence.fallbacks) == (4, 5)


async def test_one_request_leaves_planner_and_reviewer_out_and_a_setting_says_everything(tmp_path: Path) -> None:
    async with OpenAIServer(saying(), models=["m"], api_key="sk-not-for-logs") as model:
        cli = Cli(
            tmp_path,
            {
                "SIGNOFF_SANDBOX": "unsafe-local",
                "SIGNOFF_MODEL_BASE_URL": model.base_url,
                "SIGNOFF_LOG_LEVEL": "debug",
                "SIGNOFF_MODEL_API_KEY": "sk-not-for-logs",
            },
        )
        wish = ("--task", "Fix the total. " * 30, "--repo", str(repository(tmp_path / "repo")), "--accept", QUICK)
        done = await cli.run("run", *wish, "--no-pipeline", "--json")
    assert (done.code, [request.form for request in model.asked]) == (4, ["code_change"])
    assert "node ended" in done.err
    assert "sk-not-for-logs" not in done.err
