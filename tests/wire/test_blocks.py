"""A change in fenced blocks, over the wire: asked for in words, once more where there is none."""

import pytest

from domain import CodeChange, FileEdit, Unreadable
from domain.errors import SignoffError
from models import ChangeRequest, Message, ModelProvider, ModelSettings
from models.clients.chat import open_chat
from models.clients.contract import ModelEndpoint
from tests.wire.openai_server import OpenAIServer

BLOCK = "It adds.\n\n```edit a.py\n<<<<<<< SEARCH\nx = 1\n=======\nx = 2\n>>>>>>> REPLACE\n```\n"
CHANGE = CodeChange(files_to_update=(FileEdit(path="a.py", search="x = 1\n", replace="x = 2\n"),), notes="It adds.")
JOB = ChangeRequest(
    messages=(Message(role="system", content="You change source code."), Message(role="user", content="Add.")),
    settings=ModelSettings(temperature=0.2, max_tokens=64),
)


async def proposed(script, form="blocks", **server):
    async with OpenAIServer(script, **server) as endpoint:
        async with open_chat(ModelEndpoint(base_url=endpoint.base_url, model="fake-model")) as chat:
            try:
                result = await ModelProvider(model=chat, form=form).propose(JOB, None)
            except SignoffError as error:
                result = error
        return result, endpoint.asked


async def test_blocks_are_asked_for_without_a_schema_and_named_in_the_header():
    proposal, (asked,) = await proposed([{"answer": BLOCK}])
    assert proposal.change == CHANGE
    assert "response_format" not in asked.body
    assert asked.form == "code_change"


async def test_an_answer_without_a_block_is_asked_for_once_more_with_an_example():
    proposal, (_, again) = await proposed([{"answer": "I would add."}, {"answer": BLOCK}])
    assert proposal.change == CHANGE
    *_, said, wish = again.body["messages"]
    assert said["content"] == "I would add."
    assert "There is no edit in your answer" in wish["content"]
    assert "```edit" in wish["content"]


async def test_two_answers_without_a_block_are_unreadable():
    error, asked = await proposed([{"answer": "no"}, {"answer": "no"}])
    assert isinstance(error, Unreadable)
    assert len(asked) == 2


async def test_json_stays_understood_and_may_be_asked_for():
    answer = {"files_to_update": [{"path": "a.py", "search": "x = 1", "replace": "x = 2"}]}
    proposal, _ = await proposed([{"answer": answer}])
    assert proposal.change.files_to_update[0].search == "x = 1"
    proposal, (asked,) = await proposed([{"answer": answer}], form="json")
    assert proposal.change.files_to_update[0].search == "x = 1"
    assert asked.body["response_format"]["json_schema"]["name"] == "code_change"
    assert "one JSON object and nothing else, in place of the blocks" in asked.body["messages"][-1]["content"]


async def test_what_is_whole_of_a_cut_answer_is_kept():
    proposal, _ = await proposed([{"answer": f"{BLOCK}```edit b.py\nx = ", "finish": "length"}])
    assert proposal.change == CHANGE
    assert "cut off" in proposal.left_out


@pytest.mark.parametrize("supports", [(), ("json_object",)])
async def test_what_an_endpoint_takes_makes_no_difference(supports):
    proposal, asked = await proposed([{"answer": BLOCK}], supports=supports)
    assert (proposal.change, len(asked)) == (CHANGE, 1)
