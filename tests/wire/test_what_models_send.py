"""Answers as models really write them, understood without another question; and what is asked where they are not."""

import json

import pytest

from domain import CodeChange, Plan, Unreadable
from domain.errors import CutOff
from models import Question, Tool
from models.clients.chat import open_chat
from tests.wire.asking import ASK, PLAN, QUICK, ask, at
from tests.wire.openai_server import OpenAIServer

EDIT = {"path": "a.py", "search": "x = 1", "replace": "x = 2"}
GOAL = {"goal": "Fix it", "steps": [{"id": "1", "title": "Look"}]}
WANTED = CodeChange.__pydantic_validator__.validate_python({"files_to_update": [EDIT]})
TOOL = Tool(name="open", parameters={"type": "object", "properties": {}})
PYTHON = "{'goal': 'Fix it', 'steps': [{'id': '1', 'title': 'Look', 'needs': [], 'note': None}], 'acceptance': None}"


def sse(*deltas, finish="stop"):
    chunk = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    events = [{**chunk, "choices": [{"index": 0, "delta": d, "finish_reason": None}]} for d in deltas]
    events.append({**chunk, "choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return {"raw": body, "content_type": "text/event-stream"}


def whole(message):
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return {
        "raw": json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})
    }


async def understood(step, answer):
    async with OpenAIServer([step]) as server:
        reply = await ask(server, answer)
    assert len(server.asked) == 1, "without another question"
    return reply.value


@pytest.mark.parametrize(
    "step",
    [
        sse({"reasoning_content": "Let me see. "}, {"reasoning_content": json.dumps(GOAL)}),
        sse({"reasoning": json.dumps(GOAL)}, {"content": ""}),
        whole({"content": None, "reasoning_content": json.dumps(GOAL)}),
        whole({"content": "", "reasoning": f"<think>So.</think>{json.dumps(GOAL)}"}),
    ],
    ids=["streamed", "called reasoning", "whole", "whole, called reasoning"],
)
async def test_an_answer_among_the_thoughts(step):
    assert await understood(step, Plan) == PLAN


async def test_thoughts_are_no_answer_where_there_is_one():
    step = sse({"reasoning_content": json.dumps({**GOAL, "goal": "not this"})}, {"content": json.dumps(GOAL)})
    assert await understood(step, Plan) == PLAN


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(json.dumps(GOAL)),
        json.dumps(GOAL).replace("}]", "},]").replace("]}", "],}"),
        PYTHON,
        f"```python\n{PYTHON}\n```",
        f"Here you are:\n\n{json.dumps(GOAL)}\n\nGood luck {{!}}",
        json.dumps({**GOAL, "steps": json.dumps(GOAL["steps"])}),
        json.dumps({**GOAL, "steps": GOAL["steps"][0]}),
        json.dumps({**GOAL, "steps": [json.dumps(GOAL["steps"][0])]}),
        f"```json\n{json.dumps(json.dumps(GOAL))}\n```",
        json.dumps({"answer": json.dumps(GOAL)}),
    ],
    ids=[
        "twice",
        "trailing commas",
        "python",
        "python in a fence",
        "words around",
        "a list as text",
        "an item for a list",
        "items as text",
        "twice in a fence",
        "wrapped and twice",
    ],
)
async def test_odd_json_is_read(text):
    assert await understood({"answer": text}, Plan) == PLAN


@pytest.mark.parametrize("files", [EDIT, json.dumps([EDIT]), json.dumps(EDIT), [json.dumps(EDIT)]])
async def test_files_come_in_every_shape(files):
    assert await understood({"answer": {"files_to_update": files}}, CodeChange) == WANTED


async def test_one_text_where_a_list_belongs():
    answer = {"cmd_instructions": "make check", "files_to_delete": "", "files_to_create": "none", "notes": ["a", "b"]}
    change = await understood({"answer": answer}, CodeChange)
    assert (change.cmd_instructions, change.files_to_delete, change.files_to_create) == (("make check",), (), ())
    assert change.notes == "a\nb"


async def test_fences_and_three_quotes_inside():
    code = 'def f():\n    """Say `x`."""\n    return "```"\n'
    answer = f"```json\n{json.dumps({'files_to_create': [{'path': 'a.py', 'content': code}]})}\n```"
    assert (await understood({"answer": answer}, CodeChange)).files_to_create[0].content == code
    odd = "{'files_to_create': [{'path': 'a.py', 'content': '''x = 1\ny = \"2\"\n'''}]}"
    assert (await understood({"answer": odd}, CodeChange)).files_to_create[0].content == 'x = 1\ny = "2"\n'


@pytest.mark.parametrize(
    "arguments",
    [
        {"path": "a.py"},
        json.dumps({"path": "a.py"}),
        json.dumps(json.dumps({"path": "a.py"})),
        "{'path': 'a.py',}",
    ],
)
@pytest.mark.parametrize("stream", [True, False])
async def test_arguments_of_every_make_are_read(arguments, stream):
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "open", "arguments": arguments}}
    step = sse({"tool_calls": [call]}, finish="tool_calls") if stream else whole({"content": "", "tool_calls": [call]})
    async with OpenAIServer([step], supports=("tools",)) as server, open_chat(at(server)) as chat:
        reply = await chat.ask(Question(ASK, str, settings=QUICK, tools=(TOOL,)))
    assert [(each.name, each.arguments, each.wrong) for each in reply.tool_calls] == [("open", {"path": "a.py"}, "")]


async def test_a_text_about_arguments_is_left_as_it_is():
    said = 'It sends "arguments": {"path": 1} then.'
    async with OpenAIServer([sse({"content": said})]) as server:
        assert (await ask(server, str)).value == said


async def test_the_correction_says_what_to_write():
    async with OpenAIServer([{"answer": {"goal": 1, "steps": []}}, {"answer": PLAN}]) as server:
        assert (await ask(server)).value == PLAN
    question = server.asked[-1].body["messages"][-1]["content"]
    assert "goal" in question
    assert '"steps": [{"id": "1", "title": "…"}]' in question


async def test_an_answer_that_is_cut_off_twice_is_an_error_of_its_own():
    cut = {"answer": '{"goal": "Fix', "finish": "length", "repeat": True}
    async with OpenAIServer([cut]) as server:
        with pytest.raises(CutOff) as caught:
            await ask(server)
    assert caught.value.stable_code == "llm_cut_off"
    assert len(server.asked) == 2
    assert "half as many words" in server.asked[-1].body["messages"][-1]["content"]


async def test_cut_and_then_garbage_is_garbage():
    async with OpenAIServer([{"answer": '{"goal"', "finish": "length"}, {"answer": "no"}]) as server:
        with pytest.raises(Unreadable):
            await ask(server)
