"""What goes over the wire."""

import json
import logging

import pytest

from domain import CodeChange, Plan, Refused, Review, Unreadable
from models import Question
from models.clients import Chat
from models.clients.chat import open_chat
from tests.wire.asking import ASK, CHANGE, KEY, PLAN, QUICK, ask, at
from tests.wire.openai_server import OpenAIServer


@pytest.mark.parametrize(("answer", "said"), [(Plan, PLAN), (CodeChange, CHANGE), (Review, Review(status="ok"))])
async def test_each_artefact_is_asked_for_by_name_and_comes_back(answer, said):
    async with OpenAIServer([{"answer": said}]) as server:
        reply = await ask(server, answer)
    assert reply.value == said
    (request,) = server.asked
    asked = request.body["response_format"]["json_schema"]
    assert asked["name"] == {Plan: "plan", CodeChange: "code_change", Review: "review"}[answer]
    assert request.headers["x-signoff-answer"] == asked["name"]
    assert "$ref" not in json.dumps(asked)
    assert asked["strict"] is True
    assert request.body["temperature"] == 0.3
    assert request.body["max_tokens"] == 1_024
    assert request.body["stream"] is True
    assert request.body["messages"][0] == {"role": "system", "content": "You plan."}


async def test_text_streams_in_and_usage_is_counted():
    heard = []
    usage = {
        "prompt_tokens": 90,
        "completion_tokens": 30,
        "total_tokens": 120,
        "prompt_tokens_details": {"cached_tokens": 64},
    }
    async with OpenAIServer([{"answer": PLAN, "usage": usage}]) as server:
        reply = await ask(server, heard=heard.append)
    assert Plan(**json.loads("".join(heard))) == PLAN
    assert len(heard) > 1
    assert (reply.usage.tokens_in, reply.usage.tokens_out, reply.usage.tokens_cached) == (90, 30, 64)
    assert reply.usage.calls == 1
    assert reply.first_token_ms is not None
    assert 0 < reply.first_token_ms <= reply.latency_ms
    assert reply.finish == "stop"


async def test_without_counts_the_bill_is_estimated():
    async with OpenAIServer([{"answer": PLAN, "usage": False}]) as server:
        assert (await ask(server)).usage.tokens_out > 0


async def test_an_endpoint_that_does_not_stream_is_understood():
    async with OpenAIServer([{"answer": PLAN, "plain": True}]) as server:
        reply = await ask(server)
    assert reply.value == PLAN
    assert len(server.asked) == 1


async def test_plain_text_has_no_form():
    async with OpenAIServer([{"answer": "<think>hm</think>Hello.", "when": "text"}]) as server:
        assert (await ask(server, str)).value == "Hello."
    assert "response_format" not in server.asked[0].body


@pytest.mark.parametrize(
    "text",
    [
        "<think>Let me see { not json }</think>\n{}",
        "Sure! Here it is:\n```json\n{}\n```\nDone.",
        '{{"plan": {}}}',
    ],
)
async def test_what_stands_around_the_json_does_no_harm(text):
    said = text.replace("{}", '{"goal": "Fix it", "steps": [{"id": "1", "title": "Look"}], "mood": 1}')
    said = said.replace("{{", "{").replace("}}}", "}}")
    async with OpenAIServer([{"answer": said}]) as server:
        assert (await ask(server)).value == PLAN
    assert len(server.asked) == 1


@pytest.mark.parametrize(("supports", "sent"), [(("json_object",), "json_object"), ((), None)])
async def test_an_endpoint_without_json_schema_is_told_in_the_prompt(supports, sent):
    async with (
        OpenAIServer([{"answer": PLAN}, {"answer": PLAN}], supports=supports) as server,
        open_chat(at(server)) as chat,
    ):
        assert (await chat.ask(Question(ASK, Plan, settings=QUICK))).value == PLAN
        refused = len(server.asked)
        assert (await chat.ask(Question(ASK, Plan, settings=QUICK))).value == PLAN
    last = server.asked[-1]
    assert len(server.asked) == refused + 1, "what was refused once is not tried again"
    assert (last.body.get("response_format") or {}).get("type") == sent
    assert "JSON Schema `plan`" in last.body["messages"][0]["content"]
    assert last.form == "plan"


@pytest.mark.parametrize("name", ["temperature", "stream_options", "max_tokens"])
async def test_a_parameter_that_is_refused_is_left_out(name):
    async with OpenAIServer([{"answer": PLAN}], refuses=[name]) as server:
        assert (await ask(server)).value == PLAN
    assert name not in server.asked[-1].body


async def test_one_round_of_repair():
    steps = [{"answer": '{"goal": "Fix it", "steps": []}'}, {"answer": PLAN}]
    async with OpenAIServer(steps) as server:
        reply = await ask(server)
    assert reply.value == PLAN
    assert reply.usage.calls == 2
    first, second = (request.body["messages"] for request in server.asked)
    assert second[: len(first)] == first, "the conversation is only added to"
    assert second[-2]["role"] == "assistant"
    assert "steps" in second[-1]["content"]


@pytest.mark.parametrize(
    "step",
    [
        {"answer": "I would rather not."},
        {"answer": ""},
        {"answer": '{"unknown": 1}'},
    ],
)
async def test_no_answer_after_one_repair_is_unreadable(step):
    async with OpenAIServer([{**step, "repeat": True}]) as server:
        with pytest.raises(Unreadable) as caught:
            await ask(server)
    assert len(server.asked) == 2
    assert caught.value.hint


async def test_the_key_is_sent_and_never_shown(caplog):
    caplog.set_level(logging.DEBUG)
    async with OpenAIServer([{"answer": PLAN}], api_key=KEY) as server:
        await ask(server, key=KEY)
        assert server.asked[0].key == KEY
        server.api_key = "another"
        async with open_chat(at(server, KEY)) as chat:
            with pytest.raises(Refused) as caught:
                await chat.ask(Question(ASK, Plan, settings=QUICK))
            shown = f"{caught.value!r} {caught.value.hint} {chat!r} {caught.value.__cause__!r} {caplog.text}"
    assert caught.value.stable_code == "llm_unauthorized"
    assert KEY not in shown


async def test_without_a_key_a_placeholder_is_sent():
    async with OpenAIServer([{"answer": PLAN}]) as server:
        await ask(server)
    assert server.asked[0].key == "none"


def test_a_chat_is_a_frozen_colleague():
    assert Chat.__dataclass_params__.frozen  # pyright: ignore[reportAttributeAccessIssue]
