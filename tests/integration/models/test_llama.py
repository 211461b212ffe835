"""A real llama.cpp server from the probe to a whole run: every call goes through, and what it cannot do is said."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain import ContextTooLong, Plan, SignoffError
from models import Message, ModelSettings, Question, Tool
from models.clients import ModelEndpoint
from models.clients.chat import open_chat
from models.dialects import probe_with_dialogues
from tests.integration.models.llama_server import CONTEXT, MODEL, LlamaServer, llama_server
from tests.worlds.cli import Cli
from tests.worlds.house import QUICK, repository

pytestmark = [pytest.mark.llama, pytest.mark.slow, pytest.mark.timeout(900)]
QUESTION = (Message(role="system", content="You plan."), Message(role="user", content="The sum is wrong."))
OPEN = Tool(
    name="open",
    description="Look at a file.",
    parameters={"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
)
SETTINGS = ModelSettings(temperature=0.2, max_tokens=200)
ENDS = {
    "no_action",
    "gave_up",
    "same_finding_twice",
    "budget_spent",
    "llm_unreadable",
    "llm_cut_off",
    "no_failing_test",
    "edit_does_not_apply",
}
"""Words in which a run with a model that writes nonsense ends; none of them says that the endpoint failed."""


@pytest.fixture(scope="module")
def server() -> Iterator[LlamaServer]:
    with llama_server() as running:
        yield running


def at(server: LlamaServer) -> ModelEndpoint:
    return ModelEndpoint(base_url=server.base_url, model=MODEL)


async def test_words_are_streamed_and_a_tool_may_be_offered(server: LlamaServer) -> None:
    pieces: list[str] = []
    async with open_chat(at(server)) as chat:
        plain = await chat.ask(Question(QUESTION, str, settings=SETTINGS, listener=pieces.append))
        offered = await chat.ask(Question(QUESTION, str, settings=SETTINGS, tools=(OPEN,)))
        called = await chat.ask(Question(QUESTION, str, settings=SETTINGS, tools=(OPEN,), tool_choice="required"))
    assert "".join(pieces) == plain.value
    assert plain.usage.tokens_in > 0
    assert not offered.tool_calls, "it calls a tool only where it has to"
    assert all(call.name == "open" for call in called.tool_calls)


async def test_a_form_is_asked_for_as_a_json_object_and_nonsense_is_no_plan(server: LlamaServer) -> None:
    async with open_chat(at(server)) as chat:
        with pytest.raises(SignoffError) as caught:
            await chat.ask(Question(QUESTION, Plan, settings=SETTINGS))
    assert caught.value.stable_code in {"llm_unreadable", "llm_cut_off"}
    assert "json_schema" in server.log.read_text(errors="replace"), "it was asked for a schema, and refused that"


async def test_a_prompt_that_is_too_long_names_the_context(server: LlamaServer) -> None:
    long = (*QUESTION, Message(role="user", content="word " * 9_000))
    async with open_chat(at(server)) as chat:
        with pytest.raises(ContextTooLong) as caught:
            await chat.ask(Question(long, str, settings=SETTINGS))
    assert caught.value.max_tokens == CONTEXT


async def test_the_probe_finds_out_what_it_does_not_say(server: LlamaServer) -> None:
    """It lists no context: the refusal of the long prompt has it, and the dialogue is held with a shorter one."""
    seen = await probe_with_dialogues(ModelEndpoint(base_url=server.base_url))
    assert seen.ok
    assert (seen.model, seen.context, seen.structured, seen.objects) == (MODEL, CONTEXT, False, True)
    assert seen.dialect == "single", "what writes nonsense holds no dialogue"
    assert [each.dialect for each in seen.dialogues] == ["tools", "text", "single"]
    assert all(each.error != "context_too_long" and each.turns > 1 for each in seen.dialogues[:2])


@pytest.mark.parametrize("dialect", ["single", "text", "tools"])
async def test_a_whole_run_ends_in_a_clear_word(server: LlamaServer, tmp_path: Path, dialect: str) -> None:
    env = {
        "SIGNOFF_MODEL_BASE_URL": server.base_url,
        "SIGNOFF_CODER_DIALECT": dialect,
        "SIGNOFF_SANDBOX": "unsafe-local",
    }
    cli, repo = Cli(tmp_path, env), str(repository(tmp_path / "repo"))
    bound = ["--strategy", "single", "--max-steps", "8", "--accept", QUICK, "--json"]
    ended = await cli.run("run", "--repo", repo, "--task", "Fix the total", *bound)
    document = json.loads(ended.out)
    assert document["code"] in ENDS, (document["code"], document["message"])
    assert document["message"]
    assert document["hint"]
    assert document["spent"]["model_calls"] >= 2
    assert document["spent"]["tokens_in"] > 1_000
