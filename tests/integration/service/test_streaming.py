"""Who listens reads what the coder writes while it writes it (A8): the model goes on only once the client has read."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.integration.models.choosing import PLAN
from tests.wire.openai_server import OpenAIServer
from tests.worlds import postgres
from tests.worlds.cli import Cli
from tests.worlds.house import FIX, OK, QUICK, repository
from tests.worlds.served import Served, served

PIECES = 8
"""So many come before the client has to have read something: the path is among them."""
BOTH = ["sqlite", pytest.param("postgres", marks=[pytest.mark.postgres, pytest.mark.slow])]
Watched = tuple[Served, dict[str, Any], asyncio.Event, asyncio.Event]


def script(coder: asyncio.Event, reviewer: asyncio.Event) -> list[dict[str, Any]]:
    """The coder stops in the middle of a word, the reviewer before its first one, until somebody says go on."""
    return [
        {"when": "plan", "answer": PLAN, "repeat": True},
        {"when": "code_change", "answer": FIX, "until": (PIECES, coder)},
        {"when": "review", "answer": OK, "until": (0, reviewer)},
    ]


@asynccontextmanager
async def watched(folder: Path, server: str = "") -> AsyncGenerator[Watched]:
    coder, reviewer = asyncio.Event(), asyncio.Event()
    task = {"text": "Fix the total", "repo": str(repository(folder / "repo")), "accept": QUICK}
    async with (
        OpenAIServer(script(coder, reviewer), models=["m"]) as model,
        served(folder, whole=True, server=server, model_base_url=model.base_url, model="m") as service,
    ):
        yield service, task, coder, reviewer


@pytest.mark.parametrize("on", BOTH)
async def test_the_sdk_hears_the_coder_while_it_writes_and_its_change_while_others_work(
    tmp_path: Path, on: str, request: pytest.FixtureRequest
) -> None:
    server = await postgres.emptied(request.getfixturevalue("socket"), "service") if on == "postgres" else ""
    async with watched(tmp_path, server) as (service, task, coder, reviewer), asyncio.timeout(60):
        texts: list[dict[str, Any]] = []
        seen: list[str] = []
        stream = service.sdk().runs.stream(None, "coding", input={"task": task}, stream_mode=["custom"])
        async for part in stream:
            if part.event != "custom":
                continue
            seen.append(part.data["kind"])
            if part.data["kind"] == "text":
                texts.append(part.data)
                if "shop/prices.py" in "".join(each["message"] for each in texts):
                    coder.set()
            if part.data["kind"] == "change_applied":
                reviewer.set()
        assert seen.index("change_applied") < seen.index("reviewed")
    assert texts[0]["data"] == {"provider": "m", "id": "candidate-1-1", "form": "change", "fresh": True}
    assert [each["data"]["fresh"] for each in texts[1:]] == [False] * (len(texts) - 1)
    assert "".join(each["message"] for each in texts).startswith('{"files_to_update"')


async def test_clients_of_langchain_hear_it_as_messages(tmp_path: Path) -> None:
    async with watched(tmp_path) as (service, task, coder, reviewer), asyncio.timeout(60):
        reviewer.set()
        said: dict[str, str] = {}
        stream = service.sdk().runs.stream(None, "coding", input={"task": task}, stream_mode="messages-tuple")
        async for part in stream:
            if part.event == "messages":
                message, about = part.data
                node = about["langgraph_node"]
                said[node] = said.get(node, "") + message["content"]
                if "shop/prices.py" in said.get("execute", ""):
                    coder.set()
    assert '"replace"' in said["execute"]
    assert '"status"' in said["review"]


async def test_chat_clients_read_code_and_not_its_json(tmp_path: Path) -> None:
    async with watched(tmp_path) as (service, task, coder, reviewer), asyncio.timeout(60):
        read = ""
        async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key=service.key, max_retries=0) as ai:
            asked = [{"role": "user", "content": task["text"]}]
            more = {"repo": task["repo"], "accept": task["accept"]}
            stream = await ai.chat.completions.create(
                model="signoff-coding", messages=asked, extra_body=more, stream=True
            )
            async for part in stream:
                read += (part.choices[0].delta.model_extra or {}).get("reasoning_content", "")
                if "shop/prices.py" in read:
                    coder.set()
                if "return sum(prices)\n" in read:
                    reviewer.set()
    assert "▸ execute\n\nshop/prices.py\n    return sum(prices)\n" in read
    assert "▸ review\n" in read


async def test_the_chat_model_s_answer_streams_and_its_thoughts_apart(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    answer = {"answer": "<think>Hm, what now?</think>\nHello, and how are you today?", "until": (4, go_on)}
    async with OpenAIServer([answer], models=["m"]) as model, asyncio.timeout(60):  # noqa: SIM117  one line too long
        async with served(tmp_path, model_base_url=model.base_url) as service, chat(service) as say:
            content = thought = ""
            async for part in await say(stream=True):
                content += part.choices[0].delta.content or ""
                thought += (part.choices[0].delta.model_extra or {}).get("reasoning_content", "")
                if content:
                    go_on.set()
    assert (content, thought) == ("Hello, and how are you today?", "Hm, what now?")


@asynccontextmanager
async def chat(service: Served) -> AsyncGenerator[Callable[..., Any]]:
    async with openai.AsyncOpenAI(base_url=f"{service.url}/v1", api_key=service.key, max_retries=0) as ai:
        asked = [{"role": "user", "content": "Hello"}]
        yield lambda **more: ai.chat.completions.create(model="signoff-chat", messages=asked, **more)


async def test_what_breaks_in_the_middle_is_the_last_event_of_the_stream(tmp_path: Path) -> None:
    broken = {"answer": "word " * 20, "cut_after": 5, "repeat": True}
    async with OpenAIServer([broken], models=["m"]) as model:  # noqa: SIM117  one line too long
        async with (
            served(tmp_path, model_base_url=model.base_url, model_timeout_s=1.2) as service,
            chat(service) as say,
        ):
            content = ""
            with pytest.raises(openai.APIError) as caught:  # noqa: PT012  it breaks somewhere in it
                async for part in await say(stream=True):
                    content += part.choices[0].delta.content or ""
    assert content.startswith("word word")
    assert caught.value.body["code"] == "llm_unavailable"


@pytest.mark.slow
async def test_at_the_terminal_files_are_named_while_they_are_written(tmp_path: Path) -> None:
    go_on, both = asyncio.Event(), asyncio.Event()
    both.set()
    async with OpenAIServer(script(go_on, both), models=["m"]) as model, asyncio.timeout(120):
        cli = Cli(tmp_path, {"SIGNOFF_SANDBOX": "unsafe-local", "SIGNOFF_MODEL_BASE_URL": model.base_url})
        repo = repository(tmp_path / "repo")
        process = await cli.start("run", "-v", "--repo", str(repo), "--task", "Fix the total", "--accept", QUICK)
        assert process.stderr is not None
        said = ""
        while line := await process.stderr.readline():
            said += line.decode()
            if "m writes shop/prices.py" in said:
                go_on.set()
        await process.communicate()
    assert "return sum(prices)" in said
    assert '"files_to_update"' not in said
