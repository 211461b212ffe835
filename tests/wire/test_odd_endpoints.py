"""Endpoints and chat templates that do not do what others do, and are understood all the same."""

import json

import pytest

from domain import Plan, Refused
from models.chat import opened
from tests.wire.asking import ASK, PLAN, QUICK, ask, at
from tests.wire.openai_server import OpenAIServer

CALL = {"id": "c1", "type": "function", "function": {"name": "plan", "arguments": json.dumps({
    "goal": "Fix it", "steps": [{"id": "1", "title": "Look"}]})}}  # fmt: skip


async def test_a_model_that_answers_with_tool_calls_only_is_understood():
    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
    whole = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    async with OpenAIServer([{"raw": json.dumps(whole)}]) as server:
        assert (await ask(server)).value == PLAN
    assert len(server.asked) == 1


async def test_streamed_tool_calls_are_understood_too():
    said = CALL["function"]["arguments"]
    pieces = [
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "plan", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": said[:20]}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": said[20:]}}]},
        {},
    ]
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    lines = [
        {**chunk, "choices": [{"index": 0, "delta": delta, "finish_reason": None if delta else "tool_calls"}]}
        for delta in pieces
    ]
    body = "".join(f"data: {json.dumps(line)}\n\n" for line in lines) + "data: [DONE]\n\n"
    async with OpenAIServer([{"raw": body, "content_type": "text/event-stream"}]) as server:
        assert (await ask(server)).value == PLAN


@pytest.mark.parametrize("said", ["System role not supported", "Conversation roles must alternate user/assistant/…"])
async def test_a_chat_template_without_a_system_message_is_understood(said):
    script = [{"status": 400, "message": said}, {"answer": PLAN}, {"answer": PLAN}]
    async with OpenAIServer(script) as server, opened(at(server)) as chat:
        assert (await chat.ask(ASK, Plan, settings=QUICK)).value == PLAN
        await chat.ask(ASK, Plan, settings=QUICK)
    refused, first, second = (request.body["messages"] for request in server.asked)
    assert refused[0]["role"] == "system"
    assert [m["role"] for m in first] == [m["role"] for m in second] == ["user"]
    assert first[0]["content"].startswith(refused[0]["content"])


async def test_a_model_without_a_chat_template_says_what_to_do():
    said = "default chat template is no longer allowed, so you must provide a chat template"
    async with OpenAIServer([{"status": 400, "message": said, "repeat": True}]) as server:
        with pytest.raises(Refused) as caught:
            await ask(server)
    assert caught.value.stable_code == "llm_bad_request"
    assert "--chat-template" in caught.value.hint
    assert len(server.asked) == 1
