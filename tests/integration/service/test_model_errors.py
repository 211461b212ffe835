"""What a model says no to is said to whoever asked: by HTTP status, in a stream, by exit code (B8)."""

from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from tests.integration.models.choosing import saying
from tests.wire.openai_server import OpenAIServer
from tests.worlds.cli import Cli
from tests.worlds.house import QUICK, repository
from tests.worlds.served import served

pytestmark = pytest.mark.slow
PATIENT = {"prefer": "wait=60"}
"""The status of an answer waits for the run that long; without, for a second (docs/api.md)."""
LONG_AGO = "This model's maximum context length is 512 tokens. However, your request has 900 input tokens."
CASES: dict[str, tuple[dict[str, Any], int, str, int]] = {
    "busy": ({"status": 429, "headers": {"retry-after": "77"}}, 429, "rate_limit_exceeded", 75),
    "too long": ({"status": 400, "message": LONG_AGO}, 400, "context_too_long", 2),
    "wrong": ({"status": 400, "message": "no such parameter"}, 400, "llm_bad_request", 2),
    "broken": ({"status": 500}, 503, "llm_unavailable", 75),
    "no key": ({"status": 401}, 400, "llm_unauthorized", 2),
    "garbage": ({"answer": "I would rather not."}, 502, "llm_unreadable", 75),
}
"""What the endpoint does → status, code, exit status."""


def wanted(folder: Path, **more: Any) -> dict[str, Any]:
    repo = folder / "repo"
    return {"text": "Fix the total", "repo": str(repo if repo.exists() else repository(repo)), "accept": QUICK, **more}


def strict(folder: Path) -> Path:
    """A catalogue whose strategy has no repair engine to answer in the model's place."""
    path = folder / "catalogue.yaml"
    path.write_text("strategies: {plain: {spares: [planner], providers: [coder], candidates: 1, last_resort: false}}\n")
    return path


@pytest.mark.parametrize("case", ["busy", "too long", "wrong", "broken"])
async def test_over_http(tmp_path: Path, case: str) -> None:
    step, status, code, _ = CASES[case]
    async with (
        OpenAIServer([{**step, "repeat": True}], models=["m"]) as model,
        served(
            tmp_path,
            whole=True,
            model_base_url=model.base_url,
            model="m",
            model_timeout_s=1,
            strategy="plain",
            catalogue=strict(tmp_path),
        ) as service,
        service.http() as http,
        openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key=service.key, max_retries=0) as ai,
    ):
        task = wanted(tmp_path, strategy="plain")
        asked = {"assistant_id": "coding", "input": {"task": task}}
        waited = await http.post("/runs/wait", json=asked, headers=PATIENT)
        said(waited, case)
        thread = waited.json()["thread_id"]
        assert (await http.get(f"/v1/runs/{thread}")).json()["code"] == code
        again = await http.get(waited.headers["location"])
        said(again, case)
        chat = {
            "messages": [{"role": "user", "content": task["text"]}],
            **{k: task[k] for k in ("repo", "accept", "strategy")},
        }
        said(await http.post("/v1/chat/completions", json=chat), case)
        with pytest.raises(openai.APIError) as caught:
            async for _ in await ai.chat.completions.create(**_asked(chat), stream=True):
                pass
        assert caught.value.body["code"] == code
        heard = [p async for p in service.sdk().runs.stream(None, "coding", input={"task": task}, stream_mode="custom")]
        (told,) = [part.data for part in heard if part.event == "error"]
        assert told["error"] == code
    assert status >= 400


def _asked(chat: dict[str, Any]) -> dict[str, Any]:
    more = {name: chat[name] for name in ("repo", "accept", "strategy")}
    return {"model": "signoff-coding", "messages": chat["messages"], "extra_body": more}


def said(answer: httpx.Response, case: str) -> None:
    """The answer has the status and the code of the case, and what else a client needs."""
    _, status, code, _ = CASES[case]
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert body["hint"]
    assert body["thread_id"]
    if case == "busy":
        assert 70 <= int(answer.headers["retry-after"]) <= 77
    if case == "too long":
        assert body["max_tokens"] == 512
    if case == "broken":
        assert int(answer.headers["retry-after"]) > 0


@pytest.mark.parametrize("case", ["busy", "no key", "garbage"])
async def test_at_the_terminal(tmp_path: Path, case: str) -> None:
    step, _, code, exit_status = CASES[case]
    async with OpenAIServer([{**step, "repeat": True}], models=["m"]) as model:
        cli = Cli(
            tmp_path,
            {
                "SIGNOFF_SANDBOX": "unsafe-local",
                "SIGNOFF_MODEL_BASE_URL": model.base_url,
                "SIGNOFF_MODEL": "m",
                "SIGNOFF_MODEL_TIMEOUT_S": "1",
                "SIGNOFF_CATALOGUE": str(strict(tmp_path)),
                "SIGNOFF_STRATEGY": "plain",
            },
        )
        task = wanted(tmp_path)
        done = await cli.run("run", "--task", task["text"], "--repo", task["repo"], "--accept", QUICK, "--json")
    assert (done.code, done.json["code"]) == (exit_status, code)
    assert done.json["hint"]


async def test_a_dead_endpoint_and_a_spent_budget(tmp_path: Path) -> None:
    async with OpenAIServer() as gone:
        pass
    given = {"whole": True, "model": "m", "model_timeout_s": 1, "strategy": "plain", "catalogue": strict(tmp_path)}
    async with served(tmp_path / "a", model_base_url=gone.base_url, **given) as service, service.http() as http:
        asked = {"assistant_id": "coding", "input": {"task": wanted(tmp_path, strategy="plain")}}
        dead = await http.post("/runs/wait", json=asked, headers=PATIENT)
        assert (dead.status_code, dead.json()["code"]) == (503, "llm_unavailable")
        assert int(dead.headers["retry-after"]) > 0
    async with (
        OpenAIServer(saying(), models=["m"]) as model,
        served(tmp_path / "b", model_base_url=model.base_url, **given) as service,
        service.http() as http,
    ):
        asked["input"]["task"]["budget"] = {"max_tokens": 10}
        spent = await http.post("/runs/wait", json=asked, headers=PATIENT)
        assert (spent.status_code, spent.json()["code"]) == (402, "budget_spent")
        assert "--max-tokens" in spent.json()["hint"]
    assert model.asked == []
