"""Endpoints and chat templates that do not do what others do, and are understood all the same."""

import json

import pytest

from domain import ContextTooLong, Plan, Refused, Unavailable, Unreadable
from models import Question
from models.clients.chat import open_chat
from models.errors import LARGEST
from tests.wire.asking import ASK, PLAN, QUICK, ask, at
from tests.wire.openai_server import OpenAIServer

CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "plan", "arguments": json.dumps({"goal": "Fix it", "steps": [{"id": "1", "title": "Look"}]})},
}


SAID = CALL["function"]["arguments"]
EVENTS = "text/event-stream"


def whole(message, **choice):
    """An answer that is not streamed."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, **choice}
    return {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}


def line(delta, finish=None):
    """One event of a stream."""
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**chunk, 'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]})}\n\n"


async def test_a_model_that_answers_with_tool_calls_only_is_understood():
    answer = whole({"content": None, "tool_calls": [CALL]}, finish_reason="tool_calls")
    async with OpenAIServer([{"raw": json.dumps(answer)}]) as server:
        assert (await ask(server)).value == PLAN
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    "body",
    [
        ": keep-alive\n\n" * 3 + line({"content": SAID}) + ": still here\n\n" + line({}, "stop") + "data: [DONE]\n\n",
        line({"reasoning_content": "Let me see."}) + line({"content": SAID}) + line({}, "stop") + "data: [DONE]\n\n",
        (line({"content": SAID}) + line({}, "stop") + "data: [DONE]\n\n").replace("\n", "\r\n"),
        line({"content": SAID}) + line({}, "stop"),
        line({"content": SAID}) + line({}, "eos_token") + "data: [DONE]\n\n",
    ],
    ids=["comments", "reasoning", "carriage returns", "no end mark", "another reason to end"],
)
async def test_streams_of_many_makes_are_understood(body):
    async with OpenAIServer([{"raw": body, "content_type": EVENTS}]) as server:
        assert (await ask(server)).value == PLAN


async def test_a_whole_answer_need_not_say_why_it_ended():
    async with OpenAIServer([{"raw": json.dumps(whole({"content": SAID}))}]) as server:
        assert (await ask(server)).finish == "stop"


async def test_an_endpoint_that_ignores_the_schema_is_told_it_in_words():
    async with OpenAIServer([{"answer": "Certainly! First I would look."}, {"answer": PLAN}]) as server:
        assert (await ask(server)).value == PLAN
    first, second = (request.body["messages"] for request in server.asked)
    assert second[: len(first)] == first
    assert "JSON Schema `plan`" in second[-1]["content"]
    assert not any("JSON Schema" in message["content"] for message in first)


@pytest.mark.parametrize(
    "body", [line({"content": "x" * (1 << 20)}) * 17, "x" * (LARGEST + 1)], ids=["stream", "whole"]
)
async def test_an_answer_without_an_end_is_given_up(body):
    kind = EVENTS if body.startswith("data: ") else "application/json"
    async with OpenAIServer([{"raw": body, "content_type": kind}]) as server:
        with pytest.raises(Unreadable, match="more than 16 MB"):
            await ask(server)


@pytest.mark.parametrize("counted", [None, 0])
async def test_an_endpoint_that_counts_nothing_is_billed_by_estimate(counted):
    usage = dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), counted)
    async with OpenAIServer([{"raw": json.dumps(whole({"content": SAID}) | {"usage": usage})}]) as server:
        used = (await ask(server)).usage
    assert used.tokens_in > 0
    assert used.tokens_out > 0


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        ({"message": "overloaded", "code": 503}, Unavailable, "llm_unavailable"),
        ({"message": "no idea"}, Unavailable, "llm_unavailable"),
        ({"message": "no such model", "code": "404"}, Refused, "llm_unknown_model"),
        ({"message": "maximum context length is 4096 tokens", "code": "too_long"}, ContextTooLong, "context_too_long"),
        ("out of order", Unavailable, "llm_unavailable"),
    ],
)
async def test_an_error_with_status_200_is_an_error(error, kind, code):
    async with OpenAIServer([{"raw": json.dumps({"error": error})}]) as server:
        with pytest.raises(kind) as caught:
            await ask(server)
    assert caught.value.stable_code == code
    assert (error if isinstance(error, str) else error["message"]) in caught.value.message


async def test_streamed_tool_calls_are_understood_too():
    pieces = [
        {"tool_calls": [{"index": 0, "id": "c1", "type": "function", "function": {"name": "plan", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": SAID[:20]}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": SAID[20:]}}]},
        {},
    ]
    body = "".join(line(delta, None if delta else "tool_calls") for delta in pieces) + "data: [DONE]\n\n"
    async with OpenAIServer([{"raw": body, "content_type": EVENTS}]) as server:
        assert (await ask(server)).value == PLAN


@pytest.mark.parametrize("said", ["System role not supported", "Conversation roles must alternate user/assistant/…"])
async def test_a_chat_template_without_a_system_message_is_understood(said):
    script = [{"status": 400, "message": said}, {"answer": PLAN}, {"answer": PLAN}]
    async with OpenAIServer(script) as server, open_chat(at(server)) as chat:
        assert (await chat.ask(Question(ASK, Plan, settings=QUICK))).value == PLAN
        await chat.ask(Question(ASK, Plan, settings=QUICK))
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
