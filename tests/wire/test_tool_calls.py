"""Questions with tools: what goes over the wire, and what of an answer is understood as a call."""

import json

import pytest

from domain import Broken, Plan, Refused
from models import Message, Question, Tool, ToolCall
from models.clients.chat import open_chat
from tests.wire.asking import ASK, QUICK, at
from tests.wire.openai_server import OpenAIServer

OPEN = Tool(
    name="open",
    description="Open a file.",
    parameters={"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
)
DONE = Tool(name="done", parameters={"type": "object", "properties": {}})
TAKES = ("tools", "json_schema")
LONG = {"path": "src/" + "deeper/" * 20 + "ü.py"}
OFFERED = Question(ASK, str, settings=QUICK, tools=(OPEN, DONE))


def event(delta, finish=None):
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return f"data: {json.dumps({**chunk, 'choices': [{'index': 0, 'delta': delta, 'finish_reason': finish}]})}\n\n"


def raw(*deltas, finish="tool_calls"):
    body = "".join(event(delta) for delta in deltas) + event({}, finish) + "data: [DONE]\n\n"
    return {"raw": body, "content_type": "text/event-stream"}


def call(arguments, **more):
    return {"function": {"name": "open", "arguments": arguments}, "type": "function", **more}


async def ask(step, question=OFFERED, **served):
    async with OpenAIServer([step], supports=TAKES, **served) as server, open_chat(at(server)) as chat:
        return await chat.ask(question), server


@pytest.mark.parametrize("plain", [False, True])
async def test_words_and_calls_come_in_one_answer(plain):
    heard: list[str] = []
    question = Question(ASK, str, settings=QUICK, tools=(OPEN, DONE), listener=heard.append)
    reply, server = await ask({"answer": "I look first.", "calls": [["open", LONG]], "plain": plain}, question)
    assert reply.value == "I look first."
    assert reply.tool_calls == (ToolCall(id="call_1", name="open", arguments=LONG),)
    assert reply.finish == "tool_calls"
    assert "".join(heard) == "I look first.", "arguments are no words"
    body = server.asked[0].body
    assert [tool["function"]["name"] for tool in body["tools"]] == ["open", "done"]
    assert body["tools"][0]["function"]["parameters"] == OPEN.parameters
    assert (body["tool_choice"], body["parallel_tool_calls"]) == ("auto", False)
    assert "response_format" not in body


async def test_a_call_and_its_result_go_back_as_they_came():
    talk = (
        *ASK,
        Message(role="assistant", content="", tool_calls=(ToolCall(id="a1", name="open", arguments=LONG),)),
        Message(role="tool", content="1: x = 1", tool_call_id="a1"),
        Message(role="assistant", content="", tool_calls=(ToolCall(id="a2", name="open", raw="{no", wrong="…"),)),
        Message(role="tool", content="not readable", tool_call_id="a2"),
    )
    question = Question(talk, str, settings=QUICK, tools=(OPEN,), tool_choice="required")
    _, server = await ask({"calls": [["open", {"path": "b"}]]}, question)
    body = server.asked[0].body
    first, result, second, again = body["messages"][2:]
    assert first["tool_calls"][0]["id"] == result["tool_call_id"] == "a1"
    assert json.loads(first["tool_calls"][0]["function"]["arguments"]) == LONG
    assert result["content"] == "1: x = 1"
    assert json.loads(second["tool_calls"][0]["function"]["arguments"]) == {"unreadable": "{no"}
    assert again["tool_call_id"] == "a2"
    assert body["tool_choice"] == "required"


@pytest.mark.parametrize(
    "step",
    [
        raw(
            {"tool_calls": [call("", index=0, id="x")]},
            {"tool_calls": [{"index": 0, "function": {"arguments": '{"path"'}}]},
            {"tool_calls": [{"index": 0, "function": {"arguments": ': "a.py"}'}}]},
        ),
        raw({"tool_calls": [call('{"path": "a.py"}', id="x")]}),
        raw({"tool_calls": [call('{"path": "a.py"}', index=0)]}),
        raw({"content": None, "tool_calls": [call('{"path": "a.py"}', index=0, id="x")]}, finish="stop"),
    ],
    ids=["in pieces", "without a number", "without an id", "another reason to end"],
)
async def test_streamed_calls_of_many_makes_are_understood(step):
    reply, _ = await ask(step)
    (one,) = reply.tool_calls
    assert (one.name, one.arguments, one.wrong) == ("open", {"path": "a.py"}, "")
    assert one.id


async def test_several_calls_have_ids_of_their_own_even_if_all_are_the_first():
    both = raw(
        {"tool_calls": [call('{"path": "a"}', index=0, id="x")]},
        {"tool_calls": [call('{"path": "b"}', index=0, id="y")]},
    )
    same = raw({"tool_calls": [call('{"path": "a"}', index=0, id="x"), call('{"path": "b"}', index=1, id="x")]})
    for step in (both, same):
        reply, _ = await ask(step)
        assert [each.arguments["path"] for each in reply.tool_calls] == ["a", "b"]
        assert len({each.id for each in reply.tool_calls}) == 2


@pytest.mark.parametrize(
    ("arguments", "finish", "wrong"),
    [
        ("no", "tool_calls", "no JSON"),
        ("[1]", "tool_calls", "no JSON object"),
        ('{"path": "a', "length", "cut off"),
    ],
)
async def test_arguments_that_cannot_be_read_are_kept_with_what_is_wrong(arguments, finish, wrong):
    reply, _ = await ask({"calls": [["open", arguments]], "finish": finish})
    (one,) = reply.tool_calls
    assert one.raw == arguments
    assert wrong in one.wrong


async def test_a_tool_without_arguments_may_be_called_with_none():
    reply, _ = await ask({"calls": [["done", ""]]})
    assert reply.tool_calls == (ToolCall(id="call_1", name="done"),)


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set'),
        (400, "registry.ollama.ai/library/codellama:7b does not support tools"),
        (500, "tools param requires --jinja flag"),
        (404, "No endpoints found that support tool use."),
        (400, "Unrecognized request argument supplied: tools"),
        (400, "'tools' is not supported with this model."),
    ],
)
async def test_an_endpoint_that_takes_no_tools_says_so_once(status, message):
    script = [{"status": status, "message": message, "repeat": True}]
    async with OpenAIServer(script, supports=TAKES) as server, open_chat(at(server)) as chat:
        for _ in range(2):
            with pytest.raises(Refused) as caught:
                await chat.ask(OFFERED)
            assert caught.value.stable_code == "llm_no_tools"
    assert len(server.asked) == 1, "what was refused is not sent again"


async def test_an_error_that_is_not_about_tools_stays_what_it_is():
    for status, message, code in [(400, "not today", "llm_bad_request"), (404, "no such model", "llm_unknown_model")]:
        script = [{"status": status, "message": message}]
        async with OpenAIServer(script, supports=TAKES) as server, open_chat(at(server)) as chat:
            with pytest.raises(Refused) as caught:
                await chat.ask(OFFERED)
        assert caught.value.stable_code == code


async def test_what_an_endpoint_does_not_know_about_calls_is_left_out():
    question = Question(ASK, str, settings=QUICK, tools=(OPEN,), tool_choice="required")
    script = [
        {"status": 400, "message": "tool_choice 'required' is not supported"},
        {"calls": [["open", {"path": "a"}]]},
    ]
    options = {"supports": TAKES, "refuses": ("parallel_tool_calls",)}
    async with OpenAIServer(script, **options) as server, open_chat(at(server)) as chat:
        assert (await chat.ask(question)).tool_calls
    last = server.asked[-1].body
    assert last["tool_choice"] == "auto"
    assert "parallel_tool_calls" not in last
    assert len(server.asked) == 3


async def test_a_form_is_still_asked_for_where_tools_are_refused():
    script = [
        {"status": 400, "message": "model does not support tools"},
        {"answer": {"goal": "g", "steps": [{"id": "1", "title": "t"}]}},
    ]
    async with OpenAIServer(script, supports=TAKES) as server, open_chat(at(server)) as chat:
        with pytest.raises(Refused):
            await chat.ask(OFFERED)
        assert (await chat.ask(Question(ASK, Plan, settings=QUICK))).value.goal == "g"


def test_a_question_has_tools_or_a_form():
    with pytest.raises(Broken) as caught:
        Question(ASK, Plan, settings=QUICK, tools=(OPEN,))
    assert caught.value.stable_code == "tools_with_form"
