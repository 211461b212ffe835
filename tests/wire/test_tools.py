"""Answers as tool calls, where an endpoint takes no response format: streamed and whole, with the round of repair."""

import pytest

from domain import CodeChange, Plan, Review, Unreadable
from models import Question
from models.clients.chat import open_chat
from tests.wire.asking import ASK, CHANGE, PLAN, QUICK, at
from tests.wire.openai_server import OpenAIServer

TOOLS = ("tools",)
SAID = {Plan: PLAN, CodeChange: CHANGE, Review: Review(status="ok")}


@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("answer", SAID)
async def test_an_answer_is_the_arguments_of_the_only_tool(answer, plain):
    script = [{"answer": SAID[answer], "plain": plain, "repeat": True}]
    async with OpenAIServer(script, supports=TOOLS) as server, open_chat(at(server)) as chat:
        heard: list[str] = []
        reply = await chat.ask(Question(ASK, answer, settings=QUICK, listener=heard.append))
        again = await chat.ask(Question(ASK, answer, settings=QUICK))
    assert reply.value == again.value == SAID[answer]
    assert "".join(heard), "what streams in can be heard"
    assert chat.learned.dialect.structured == "tools"
    assert len(server.asked) == 4, "strict and json_object are refused once, and never sent again"
    body = server.asked[-1].body
    (tool,) = body["tools"]
    assert tool["function"]["name"] == body["tool_choice"]["function"]["name"] == server.asked[-1].form
    assert tool["function"]["strict"] is True
    assert "response_format" not in body
    assert "JSON Schema" not in str(body["messages"]), "the schema is a parameter"
    assert reply.usage.tokens_out > 0


async def test_where_schemas_are_taken_no_tool_is_offered():
    both = ("json_schema", "tools")
    async with OpenAIServer([{"answer": PLAN}], supports=both) as server, open_chat(at(server)) as chat:
        await chat.ask(Question(ASK, Plan, settings=QUICK))
    assert "tools" not in server.asked[0].body


async def test_wrong_arguments_are_asked_for_once_more():
    script = [{"answer": {"goal": 1}}, {"answer": PLAN}]
    async with OpenAIServer(script, supports=TOOLS) as server, open_chat(at(server)) as chat:
        reply = await chat.ask(Question(ASK, Plan, settings=QUICK))
    assert reply.value == PLAN
    assert chat.learned.dialect.structured == "tools"
    assert "conforms to the JSON Schema" in server.asked[-1].body["messages"][-1]["content"]


async def test_an_endpoint_that_takes_no_tools_either_is_asked_in_words():
    async with OpenAIServer([{"answer": PLAN}], supports=()) as server, open_chat(at(server)) as chat:
        assert (await chat.ask(Question(ASK, Plan, settings=QUICK))).value == PLAN
    assert chat.learned.dialect.structured == "text"
    assert not {"tools", "response_format"} & set(server.asked[-1].body)
    assert "conforms to the JSON Schema" in server.asked[-1].body["messages"][0]["content"]


async def test_who_ignores_tools_is_asked_in_words_from_then_on():
    script = [{"answer": "Surely.", "ignores_tools": True}, {"answer": PLAN, "ignores_tools": True, "repeat": True}]
    async with OpenAIServer(script, supports=TOOLS) as server, open_chat(at(server)) as chat:
        assert (await chat.ask(Question(ASK, Plan, settings=QUICK))).value == PLAN
        assert (await chat.ask(Question(ASK, Plan, settings=QUICK))).value == PLAN
    assert chat.learned.dialect.structured == "text"
    assert ["tools" in request.body for request in server.asked] == [False, False, True, False, False]


async def test_garbage_in_a_tool_call_is_unreadable():
    garbage = [{"answer": "no", "repeat": True}]
    async with OpenAIServer(garbage, supports=TOOLS) as server, open_chat(at(server)) as chat:
        with pytest.raises(Unreadable):
            await chat.ask(Question(ASK, Plan, settings=QUICK))
