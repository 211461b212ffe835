"""What goes over the wire, and what becomes of everything that can go wrong on it."""

import json
import logging

import pytest

from domain import (
    CodeChange,
    ContextTooLong,
    NewFile,
    Plan,
    RateLimited,
    Refused,
    Review,
    Step,
    Unavailable,
    Unreadable,
)
from models import Chat, Endpoint, Message, Settings
from models.chat import opened
from tests.wire.openai_server import OpenAIServer

PLAN = Plan(goal="Fix it", steps=(Step(id="1", title="Look"),))
CHANGE = CodeChange(files_to_create=(NewFile(path="a.py", content="x = 'ü'\n"),), notes="done")
SYSTEM = Message(role="system", content="You plan.")
ASK = (SYSTEM, Message(role="user", content="Please."))
QUICK = Settings(temperature=0.3, max_tokens=1_024, timeout_s=10)
KEY = "sk-canary-4711"


def at(server: OpenAIServer, key: str | None = None) -> Endpoint:
    return Endpoint.__pydantic_validator__.validate_python(  # SecretStr from a plain text
        {"base_url": server.base_url, "model": "fake-model", "api_key": key}
    )


async def ask(server: OpenAIServer, answer=Plan, *, settings=QUICK, heard=None, key=None):
    async with opened(at(server, key)) as chat:
        return await chat.ask(ASK, answer, settings=settings, heard=heard)


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
    usage = {"prompt_tokens": 90, "completion_tokens": 30, "total_tokens": 120,
             "prompt_tokens_details": {"cached_tokens": 64}}  # fmt: skip
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


@pytest.mark.parametrize("text", [
    "<think>Let me see { not json }</think>\n{}",
    "Sure! Here it is:\n```json\n{}\n```\nDone.",
    '{{"plan": {}}}',
])  # fmt: skip
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
        opened(at(server)) as chat,
    ):
        assert (await chat.ask(ASK, Plan, settings=QUICK)).value == PLAN
        refused = len(server.asked)
        assert (await chat.ask(ASK, Plan, settings=QUICK)).value == PLAN
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


@pytest.mark.parametrize("step", [
    {"answer": "I would rather not."},
    {"answer": '{"goal": "Fix', "finish": "length"},
    {"answer": ""},
    {"answer": '{"unknown": 1}'},
])  # fmt: skip
async def test_no_answer_after_one_repair_is_unreadable(step):
    async with OpenAIServer([{**step, "repeat": True}]) as server:
        with pytest.raises(Unreadable) as caught:
            await ask(server)
    assert len(server.asked) == 2
    assert caught.value.hint


@pytest.mark.parametrize(("step", "error", "code"), [
    ({"status": 401}, Refused, "llm_unauthorized"),
    ({"status": 403}, Refused, "llm_unauthorized"),
    ({"status": 404}, Refused, "llm_unknown_model"),
    ({"status": 400, "message": "bad"}, Refused, "llm_bad_request"),
    ({"status": 422, "message": "bad"}, Refused, "llm_bad_request"),
    ({"status": 413}, ContextTooLong, "context_too_long"),
    ({"status": 429}, RateLimited, "rate_limit_exceeded"),
    ({"status": 429, "message": "You exceeded your current quota"}, Refused, "llm_no_credit"),
    ({"status": 500}, Unavailable, "llm_unavailable"),
    ({"status": 503}, Unavailable, "llm_unavailable"),
    ({"break": True}, Unavailable, "llm_unavailable"),
    ({"answer": PLAN, "cut_after": 0}, Unavailable, "llm_unavailable"),
    ({"answer": PLAN, "cut_after": 3}, Unavailable, "llm_unavailable"),
    ({"answer": "x", "finish": "content_filter"}, Refused, "llm_content_filter"),
    ({"raw": "<html>hello</html>", "content_type": "text/html"}, Unreadable, "llm_unreadable"),
    ({"raw": '{"ok": true}'}, Unreadable, "llm_unreadable"),
    ({"raw": "data: {oops\n\n", "content_type": "text/event-stream"}, Unreadable, "llm_unreadable"),
    ({"raw": 'data: {"error": {"message": "no slots", "code": 503}}\n\n', "content_type": "text/event-stream"},
     Unavailable, "llm_unavailable"),
])  # fmt: skip
async def test_every_failure_has_a_name(step, error, code):
    async with OpenAIServer([{**step, "repeat": True}]) as server:
        with pytest.raises(error) as caught:
            await ask(server)
    assert type(caught.value) is error
    assert caught.value.stable_code == code
    assert caught.value.hint


@pytest.mark.parametrize(("header", "low", "high"), [
    ("7", 7, 7), ("0.5", 0.5, 0.5), ("Fri, 31 Dec 2999 23:59:59 GMT", 1e9, 1e11),
    ("Mon, 01 Jan 2001 00:00:00 GMT", 0, 0),
])  # fmt: skip
async def test_retry_after_in_seconds_or_as_a_date(header, low, high):
    async with OpenAIServer([{"status": 429, "headers": {"retry-after": header}}]) as server:
        with pytest.raises(RateLimited) as caught:
            await ask(server)
    assert caught.value.retry_after is not None
    assert low <= caught.value.retry_after <= high


async def test_a_context_that_is_too_long_says_how_long_it_may_be():
    async with OpenAIServer([{"answer": PLAN}], max_model_len=3) as server:
        with pytest.raises(ContextTooLong) as caught:
            await ask(server)
    assert caught.value.max_tokens == 3


async def test_an_unknown_model():
    async with OpenAIServer([{"answer": PLAN}], models=["another"]) as server:
        with pytest.raises(Refused) as caught:
            await ask(server)
    assert caught.value.stable_code == "llm_unknown_model"


@pytest.mark.parametrize("after", [0, 3])
async def test_silence_ends_at_the_deadline(after):
    async with OpenAIServer([{"answer": PLAN, "hang_after": after}]) as server:
        with pytest.raises(Unavailable, match=r"within 0\.3 s"):
            await ask(server, settings=Settings(timeout_s=0.3))


async def test_nobody_listens():
    async with OpenAIServer() as server:
        pass
    with pytest.raises(Unavailable, match="cannot be reached"):
        await ask(server)


async def test_a_name_that_does_not_exist():
    endpoint = Endpoint(base_url="http://nobody.invalid/v1", model="m")
    async with opened(endpoint) as chat:
        with pytest.raises(Unavailable, match="cannot be reached"):
            await chat.ask(ASK, Plan, settings=QUICK)


async def test_an_address_that_is_none():
    with pytest.raises(Refused) as caught:
        async with opened(Endpoint(base_url="localhost:8000", model="m")):
            pass
    assert caught.value.stable_code == "llm_bad_address"


async def test_the_key_is_sent_and_never_shown(caplog):
    caplog.set_level(logging.DEBUG)
    async with OpenAIServer([{"answer": PLAN}], api_key=KEY) as server:
        await ask(server, key=KEY)
        assert server.asked[0].key == KEY
        server.api_key = "another"
        async with opened(at(server, KEY)) as chat:
            with pytest.raises(Refused) as caught:
                await chat.ask(ASK, Plan, settings=QUICK)
            shown = f"{caught.value!r} {caught.value.hint} {chat!r} {caught.value.__cause__!r} {caplog.text}"
    assert caught.value.stable_code == "llm_unauthorized"
    assert KEY not in shown


async def test_without_a_key_a_placeholder_is_sent():
    async with OpenAIServer([{"answer": PLAN}]) as server:
        await ask(server)
    assert server.asked[0].key == "none"


def test_a_chat_is_a_frozen_colleague():
    assert Chat.__dataclass_params__.frozen  # pyright: ignore[reportAttributeAccessIssue]
