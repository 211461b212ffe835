"""What every wrapper does with tools: counts them, masks arguments, keeps a call with its result, gives calls again."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Budget, Exhausted
from domain.masking import Masker
from models import Message, ModelSettings, Question, Scripted, Tool, ToolCall
from models.contract import estimated_prompt, estimated_size
from models.routing.routed import masked
from models.wrappers import Budgeted, BudgetLedger, Cached, ContextWindow, Fallback, MemoryAnswers
from models.wrappers.context_window import Compactor

OPEN = Tool(name="open", description="Open a file.", parameters={"type": "object", "properties": {}})
SETTINGS = ModelSettings(temperature=0.2, max_tokens=64)
ASK = (Message(role="user", content="Look."),)
CALL = ToolCall(id="a", name="open", arguments={"path": "a.py"})
CALLED = Message(role="assistant", content="Let me see.", tool_calls=(CALL,))


def question(*messages, **more):
    return Question(messages or ASK, str, settings=SETTINGS, tools=(OPEN,), **more)


async def test_a_script_answers_with_a_call_or_with_words_and_calls():
    model = Scripted([CALL, CALLED, "words"])
    first, second, third = [await model.ask(question()) for _ in range(3)]
    assert (first.value, first.tool_calls, first.finish) == ("", (CALL,), "tool_calls")
    assert (second.value, second.tool_calls) == ("Let me see.", (CALL,))
    assert (third.value, third.tool_calls, third.finish) == ("words", (), "stop")


async def test_a_cached_answer_has_its_calls_and_depends_on_tools_and_transcript():
    model = Scripted([CALLED, "b", "c", "d"])
    cached = Cached(model=model, answers=MemoryAnswers(), org="o")
    first, again = await cached.ask(question()), await cached.ask(question())
    assert (again.value, again.tool_calls, again.finish) == (first.value, first.tool_calls, "cached")
    other = Question(ASK, str, settings=SETTINGS, tools=(replace(OPEN, description="Otherwise."),))
    talk = (*ASK, CALLED, Message(role="tool", content="1", tool_call_id="a"))
    asked = [other, question(*talk), question(*talk[:1], replace(CALLED, tool_calls=()), talk[2]), question(*talk)]
    assert [(await cached.ask(each)).value for each in asked] == ["b", "c", "d", "c"]


async def test_secrets_in_arguments_are_masked():
    async def masker_of(_):
        return Masker()

    secret = "ghp_" + "a1B2" * 9
    call = ToolCall(id="a", name="run", arguments={"env": {"TOKEN": secret}, "argv": [f"curl {secret}"], "n": 3})
    told = Message(role="assistant", content="", tool_calls=(call, replace(call, arguments={}, raw=secret, wrong="no")))
    (shown,) = await masked(masker_of, None, [told])
    assert secret not in repr(shown)
    assert shown.tool_calls[0].arguments["n"] == 3
    assert shown.tool_calls[0].id == "a"


def test_tools_and_arguments_count():
    long = Message(role="assistant", content="", tool_calls=(replace(CALL, arguments={"text": "x" * 4_000}),))
    assert estimated_size((long,)) >= 1_000
    assert estimated_prompt((long,)) >= 900
    assert estimated_size(ASK, tools=(replace(OPEN, description="x" * 4_000),)) >= 1_000


async def test_the_budget_counts_them_too():
    ledger = BudgetLedger(Budget(max_tokens=500, max_cost=Decimal(1)))
    model = Budgeted(model=Scripted(["words"] * 2), ledger=ledger)
    with pytest.raises(Exhausted):
        await model.ask(
            question(
                Message(role="assistant", content="", tool_calls=(replace(CALL, arguments={"text": "x" * 4_000}),))
            )
        )
    assert (await model.ask(question())).value == "words"


async def test_a_fallback_hands_calls_on():
    assert (await Fallback(models=(Scripted([CALL]),)).ask(question())).tool_calls == (CALL,)


PIECE = st.integers(0, 900).map(lambda n: "word " * n)


@st.composite
def transcripts(draw):
    talk = [Message(role="system", content="You code."), Message(role="user", content=draw(PIECE) + "Fix it.")]
    for turn in range(draw(st.integers(1, 12))):
        calls = tuple(
            ToolCall(id=f"{turn}-{n}", name="open", arguments={"text": draw(PIECE)})
            for n in range(draw(st.integers(0, 2)))
        )
        talk.append(Message(role="assistant", content=draw(PIECE), tool_calls=calls))
        talk += [Message(role="tool", content=draw(PIECE), tool_call_id=call.id) for call in calls]
        if not calls:
            talk.append(Message(role="user", content=draw(PIECE) + "Go on."))
    return tuple(talk)


@given(transcripts(), st.integers(3_000, 8_000))
def test_compaction_keeps_calls_with_their_results_and_the_conversation_within_its_room(talk, served):
    kept = Compactor(served=served, reserve=100).keep(talk).messages
    assert estimated_prompt(kept) <= served - 100
    open_: list[str] = []
    for message in kept:
        if message.role == "tool":
            assert message.tool_call_id in open_, "a result without its call"
            open_.remove(message.tool_call_id)
        else:
            assert not open_, "a call without its result"
            open_ = [call.id for call in message.tool_calls]
    assert not open_
    assert kept[-1].role == talk[-1].role


async def test_the_window_leaves_room_for_the_tools():
    big = replace(OPEN, description="word " * 300)
    window = ContextWindow(model=Scripted(["words"]))
    window.served.tokens = 1_000
    await window.ask(Question((Message(role="user", content="word " * 900),), str, settings=SETTINGS, tools=(big,)))
    (asked,) = window.model.asked
    assert estimated_prompt(asked) + 600 <= 1_000
