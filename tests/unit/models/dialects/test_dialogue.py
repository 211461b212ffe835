"""The dialogue that decides in which dialect a model can work."""

import pytest

from domain import ContextTooLong, RateLimited, Refused, Unavailable
from models import Message, Scripted, ToolCall
from models.dialects.dialogue import FAULTS, PROMPT_CHARS, SHORT_CHARS, TURNS, dialogues

PATH = "src/shop/prices.py"


def call(name, **arguments):
    return ToolCall(id=name, name=name, arguments=arguments)


OPEN = call("open", path=PATH)
EDIT = call("edit", path=PATH, search="sum(prices[1:])", replace="sum(prices)")
DONE = call("done", message="Sum all prices")
NO_TOOLS = Refused("none", code="llm_no_tools")
GROUP = "<<<<<<< SEARCH\n    return sum(prices[1:])\n=======\n    return sum(prices)\n>>>>>>> REPLACE"
BLOCKS = [
    f"I look at it.\n\n```open\n{PATH}\n```",
    f"```edit {PATH}\n{GROUP}\n```",
    "```done\nSum all prices\n```",
]


async def held(*answers, **more):
    model = Scripted(answers)
    return await dialogues(model, **more), model


async def test_who_opens_edits_and_ends_works_with_tools():
    (one,), model = await held(OPEN, EDIT, DONE)
    assert (one.dialect, one.passed, one.turns, one.faults) == ("tools", True, 3, ())
    assert one.tokens > 0
    assert model.left == 0
    last = model.asked[-1]
    assert [message.role for message in last[2:]] == ["assistant", "tool", "assistant", "tool"]
    assert "return sum(prices[1:])" in last[3].content, "it was shown the file"
    assert last[3].tool_call_id == "open"


async def test_who_takes_no_tools_is_talked_with_in_blocks():
    (tools, text), _ = await held(NO_TOOLS, *BLOCKS)
    assert (tools.passed, tools.error) == (False, "llm_no_tools")
    assert (text.dialect, text.passed, text.turns) == ("text", True, 3)


@pytest.mark.parametrize(
    "answer",
    [
        "I would change prices.py.",
        call("open", path="/etc/passwd"),
        call("fly", to="Rome"),
        ToolCall(id="1", name="open", raw="{no", wrong="it is no JSON"),
        call("edit", path=PATH, search="return", replace="pass"),
        call("edit", path=PATH, search="nothing", replace=""),
        call("edit", path=PATH, search="    return sum(prices[1:])", replace="return sum("),
        DONE,
    ],
)
async def test_who_loses_the_thread_works_without_a_dialogue(answer):
    results, _ = await held(*[answer] * (FAULTS + 1), *["no blocks"] * (FAULTS + 1))
    assert [(each.dialect, each.passed) for each in results] == [("tools", False), ("text", False), ("single", True)]
    assert all(each.problem and len(each.faults) == FAULTS + 1 for each in results[:2])


async def test_a_slip_is_forgiven_and_told_what_to_write_instead():
    (one,), model = await held("Sure!", OPEN, call("edit", path=PATH, search="x", replace="y"), EDIT, DONE)
    assert (one.passed, one.turns, len(one.faults)) == (True, 5, 2)
    assert "for example open with" in model.asked[1][-1].content


async def test_who_never_ends_does_not_pass():
    results, _ = await held(*[OPEN] * TURNS, *[BLOCKS[0]] * TURNS)
    assert results[-1].dialect == "single"
    assert "after 8 answers" in results[0].problem


@pytest.mark.parametrize("error", [Unavailable("gone"), RateLimited("slowly"), Refused("no", code="llm_unauthorized")])
async def test_an_endpoint_that_fails_meanwhile_decides_nothing(error):
    results, _ = await held(OPEN, error)
    assert [(each.passed, each.error) for each in results] == [(False, error.stable_code)]


async def test_the_prompt_is_long_unless_the_context_is_short():
    _, model = await held(OPEN, EDIT, DONE)
    assert PROMPT_CHARS <= sum(len(message.content) for message in model.asked[0]) <= PROMPT_CHARS * 1.2
    _, model = await held(OPEN, EDIT, DONE, context=4_096)
    assert sum(len(message.content) for message in model.asked[0]) <= SHORT_CHARS * 1.3


async def test_several_calls_at_once_each_get_their_result():
    both = Message(role="assistant", content="", tool_calls=(OPEN, EDIT))
    (one,), model = await held(both, EDIT, DONE)
    assert one.passed
    assert [message.tool_call_id for message in model.asked[1][-2:]] == ["open", "edit"]


@pytest.mark.parametrize(
    "edit",
    [
        f"```python\n# {PATH}\n{GROUP}\n```",
        f"```diff\n--- a/{PATH}\n+++ b/{PATH}\n@@ -6 +6 @@\n-    return sum(prices[1:])\n+    return sum(prices)\n```",
        f"{PATH}\n{GROUP}",
    ],
    ids=["comment", "diff", "markers"],
)
async def test_blocks_are_read_as_they_are_for_the_coder(edit):
    (_, text), _ = await held(NO_TOOLS, f"```view\n{PATH}\n```", edit, "```finish\nSum all prices\n```")
    assert (text.dialect, text.passed, text.turns, text.faults) == ("text", True, 3, ())


async def test_a_prompt_that_is_too_long_decides_nothing_and_a_shorter_one_is_tried():
    """A server that does not say what it serves says so in its refusal (llama-cpp-python)."""
    too_long = ContextTooLong("too long", max_tokens=8_192)
    (one,), model = await held(too_long, OPEN, EDIT, DONE)
    assert (one.dialect, one.passed, one.context) == ("tools", True, 8_192)
    assert sum(len(message.content) for message in model.asked[1]) <= SHORT_CHARS * 1.3
    results, model = await held(too_long, NO_TOOLS, *BLOCKS)
    assert [(each.dialect, each.passed) for each in results] == [("tools", False), ("text", True)]
    assert sum(len(message.content) for message in model.asked[2]) <= SHORT_CHARS * 1.5, "it is known by then"


async def test_where_not_even_the_shorter_prompt_fits_a_model_answers_once():
    results, _ = await held(*[ContextTooLong("too long", max_tokens=1_024)] * 3)
    assert [(each.dialect, each.passed) for each in results] == [("tools", False), ("text", False), ("single", True)]
    assert results[-1].line() == "single: it answers once with the whole change, since it holds no dialogue"
