from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import ContextTooLong, Plan, Step
from models import Message, ModelSettings, Question
from models.clients.chat import open_chat
from models.contract import estimated, estimated_prompt
from models.dialects import single
from models.prompts import Prompt
from models.wrappers.context_window import (
    AFTER,
    FULL,
    HEAD_AT_MOST,
    NOTE_AT_MOST,
    TURN_AT_MOST,
    Compactor,
    ContextWindow,
    ServedContext,
    open_tokenizer,
    water_level,
)
from tests.unit.models.flaky import PLAN, Flaky
from tests.wire.asking import at
from tests.wire.openai_server import OpenAIServer

ROOT = Path(__file__).parents[4]
TALK = st.lists(
    st.builds(Message, role=st.sampled_from(["user", "assistant"]), content=st.text(max_size=400)), max_size=30
)
SYSTEM, TASK = Message(role="system", content="Rules."), Message(role="user", content="The task.")


def window(served=800, reserve=100):
    return Compactor(served=served, reserve=reserve)


def turn(n: int, size: int = 20) -> list[Message]:
    told = Message(role="user", content=f"Turn {n}: " + "it failed again " * size)
    return [Message(role="assistant", content=f"change {n}"), told]


@given(TALK, st.lists(st.text(max_size=30), max_size=2))
def test_what_is_kept_fits_and_has_both_ends(talk, facts):
    talk = [SYSTEM, TASK, *talk]
    kept = window().keep(talk, facts=(lambda _: facts) if facts else None)
    assert estimated_prompt(kept.messages) == kept.tokens <= 700
    assert kept.messages[0] == SYSTEM
    opening = talk[: next((n for n, m in enumerate(talk) if m.role == "assistant"), len(talk))]
    # An opening that leaves a conversation no room is cut at once; everything else that fits stays as it is.
    if estimated_prompt(talk) <= 700 * FULL and not (facts and estimated_prompt(opening) > 700 * AFTER):
        assert list(kept.messages) == talk
    if kept.dropped:
        (note,) = [m for m in kept.messages if m.content.startswith("[") and "are left out" in m.content]
        assert f"[{kept.dropped} earlier messages" in note.content
        assert all(fact in note.content for fact in facts)


@given(st.integers(20, 60), st.integers(1, 30))
def test_between_compactions_a_transcript_is_only_added_to(turns, size):
    """What is kept of a conversation is, most of the time, what was kept before and the new turn."""
    talk, before, breaks = [SYSTEM, TASK], (), 0
    for n in range(turns):
        talk += turn(n, size)
        kept = window(served=2_500, reserve=200).keep(talk).messages
        breaks += kept[: len(before)] != before
        before = kept
    per_turn = estimated_prompt(turn(0, size))
    assert breaks <= 1 + turns * per_turn / (2_300 * 0.25)


def facts_of(answers: int) -> list[str]:
    return [f"edit file{n}.py: changed file{n}.py" for n in range(answers)]


@settings(max_examples=25, deadline=None)
@given(st.integers(20, 40), st.lists(st.integers(1, 60), min_size=3, max_size=8))
def test_what_stands_for_left_out_turns_stands_still_between_compactions(turns, sizes):
    """A note that named turns which are still there would change with each of them, and with it all behind it."""
    talk, before, dropped, breaks, moves = [SYSTEM, TASK], (), 0, 0, 0
    for n in range(turns):
        talk += turn(n, sizes[n % len(sizes)])
        kept = window(served=2_500, reserve=200).keep(talk, facts=facts_of)
        first = not dropped and kept.dropped
        breaks += kept.messages[: len(before)] != before
        # Where a conversation has to be compacted for the first time, its longest messages are cut, too.
        moves += kept.dropped != dropped or (first and kept.messages[: len(before)] != before)
        assert kept.dropped >= dropped
        before, dropped = kept.messages, kept.dropped
        assert len(kept.messages) >= 4 or n < 2, "something of the conversation is left"
    assert breaks <= moves


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4_000), st.integers(0, 6), st.integers(1, 3_000))
def test_a_conversation_that_goes_on_keeps_what_its_opening_began_with(words, turns, size):
    """Cut at its first question or not at all until it has to be compacted; one large file drives nothing out."""
    compactor = window(served=2_500, reserve=200)
    opening = [SYSTEM, Message(role="user", content="word " * words)]
    first = compactor.keep(opening, facts=facts_of)
    talk = list(opening)
    for n in range(turns):
        talk += turn(n, size if n == 0 else 5)
    kept = compactor.keep(talk, facts=facts_of)
    assert kept.tokens <= compactor.room * FULL
    crowded = estimated_prompt(opening) > compactor.room * AFTER
    if crowded:
        assert first.tokens <= compactor.room * HEAD_AT_MOST
        assert kept.messages[:2] == first.messages
    if estimated_prompt(talk) > compactor.room * FULL:
        limit = compactor.room * TURN_AT_MOST
        assert all(estimated_prompt([m]) <= limit * 1.1 + 20 for m in kept.messages[2:])


def test_of_many_facts_the_first_and_the_last_are_named_in_a_part_of_the_window():
    lines = [f"run a command that has number {n}, with quite some words about it" for n in range(60)]
    talk = [SYSTEM, TASK, *(message for n in range(60) for message in turn(n, 10))]
    compactor = window(served=2_500, reserve=200)
    kept = compactor.keep(talk, facts=lambda answers: lines[:answers])
    (note,) = [m for m in kept.messages if "are left out" in m.content]
    answers = sum(m.role == "assistant" for m in talk[2 : 2 + kept.dropped])
    assert note.content.splitlines()[1] == f"- {lines[0]}"
    assert note.content.splitlines()[-1] == f"- {lines[answers - 1]}"
    assert estimated_prompt([note]) <= compactor.room * NOTE_AT_MOST + 10


def test_a_prompt_that_is_too_long_is_cut_in_the_middle():
    talk = [SYSTEM, Message(role="user", content="The start " + "a b " * 3_000 + "the end")]
    kept = window().keep(talk)
    assert kept.tokens <= 700
    assert kept.messages[1].content.startswith("The start")
    assert kept.messages[1].content.endswith("the end")
    assert "characters left out" in kept.messages[1].content


def test_of_a_coders_own_prompt_the_most_relevant_passages_the_task_and_the_step_are_kept():
    """Key facts first and last, on the words that are really sent, in a window that has room for an eighth of them."""
    passages = [f"passage-{n:03} " + "def something(): pass\n" * 20 for n in range(80)]
    step = Step(id="s1", title="Correct the sum", detail="It leaves out the first price.")
    talk = Prompt.load(ROOT / "nodes" / "execute.md").render(
        expert="You know Python.",
        form=single.instructions(),
        context="\n".join(passages),
        tools="",
        task="Fix the total. " + "A customer wrote. " * 200,
        plan=Plan(goal="The total is right", steps=(step,)),
        accept="python -m unittest shop",
        step=step,
        changed="",
        baseline="line of output\n" * 300 + "AssertionError: 5 != 6",
    )
    kept = Compactor(served=4_096, reserve=512).keep(talk)
    assert estimated_prompt(talk) > 3 * 4_096 > 3 * kept.tokens
    text = "\n".join(message.content for message in kept.messages)
    assert kept.messages[0] == talk[0], "the rules are whole"
    for fact in (
        "Fix the total.",
        "AssertionError: 5 != 6",
        "Your step (s1): Correct the sum",
        step.detail,
        "passage-000",
    ):
        assert fact in text, fact
    shown = [n for n in range(80) if f"passage-{n:03}" in text]
    first = [n for n in shown if n < 40]
    assert len(first) > len(shown) - len(first), "they are ordered by relevance"


def test_what_cannot_fit_is_refused():
    with pytest.raises(ContextTooLong) as caught:
        window(served=110).keep([SYSTEM, Message(role="user", content="word " * 5_000)])
    assert caught.value.max_tokens == 110


@given(st.text(min_size=1, max_size=300), st.text(max_size=300))
def test_the_estimate_is_never_nothing_and_grows(one, two):
    assert estimated(one) >= 1
    assert estimated(one + " " + two) >= max(estimated(one), estimated(two)) - 1


@pytest.mark.parametrize("served", [8_192, 32_768])
async def test_sixty_steps_end_whatever_context_is_served(served):
    """Every request after the first refusal fits: the conversation is compacted below what is served."""
    talk = [SYSTEM, Message(role="user", content="The task. " + "context " * 2_000)]
    script = [{"answer": PLAN, "repeat": True}]
    async with OpenAIServer(script, max_model_len=served) as server, open_chat(at(server)) as chat:
        model = ContextWindow(model=chat)
        for n in range(60):
            talk += turn(n, size=100)
            assert (await model.ask(Question(talk, Plan, settings=ModelSettings(max_tokens=1_024)))).value == PLAN
    assert len(server.asked) <= 62
    assert server.asked[-1].body["messages"][-1]["content"].startswith("Turn 59")


@pytest.mark.parametrize("finer", [0.5, 1.0, 2.5])
async def test_where_an_endpoint_lends_its_tokenizer_nothing_is_ever_refused(finer):
    """Not one prompt is sent that would not fit, whatever the tokenizer makes of the words."""
    talk = [SYSTEM, Message(role="user", content="The task. " + "context " * 2_000)]
    script = [{"answer": PLAN, "repeat": True}]
    async with (
        OpenAIServer(script, max_model_len=8_192, tokenizer=finer) as server,
        open_chat(at(server)) as chat,
        open_tokenizer(at(server)) as counting,
    ):
        model = ContextWindow(model=chat, tokenizer=counting)
        for n in range(40):
            talk += turn(n, size=100)
            assert (await model.ask(Question(talk, Plan, settings=ModelSettings(max_tokens=1_024)))).value == PLAN
        assert len(server.asked) == 40, "asked once each time"
        short = [SYSTEM, TASK]
        before = len(server.requests)
        await model.ask(Question(short, Plan, settings=ModelSettings(max_tokens=512)))
        assert len(server.requests) == before + 1, "what is far from the limit is not counted"


async def test_an_endpoint_without_a_tokenizer_is_asked_for_it_once():
    async with (
        OpenAIServer([{"answer": PLAN, "repeat": True}]) as server,
        open_chat(at(server)) as chat,
        open_tokenizer(at(server)) as counting,
    ):
        model = ContextWindow(model=chat, tokenizer=counting)
        for _ in range(3):
            await model.ask(Question([SYSTEM, TASK], Plan, settings=ModelSettings()))
    assert [request.path for request in server.requests].count("/tokenize") == 1


async def test_what_is_not_told_is_not_guessed():
    flaky = Flaky([ContextTooLong("too long")])
    with pytest.raises(ContextTooLong):
        await ContextWindow(model=flaky).ask(Question([SYSTEM, TASK], Plan, settings=ModelSettings()))
    assert flaky.calls == 1


async def test_an_estimate_that_is_too_low_is_corrected_and_ends():
    talk = [SYSTEM, Message(role="user", content="word " * 5_000)]
    flaky = Flaky([ContextTooLong("too long", max_tokens=4_000)] * 3)
    assert (
        await ContextWindow(model=flaky).ask(Question(talk, Plan, settings=ModelSettings(max_tokens=500)))
    ).value == PLAN
    never = Flaky([ContextTooLong("too long", max_tokens=4_000)] * 99)
    with pytest.raises(ContextTooLong):
        await ContextWindow(model=never).ask(Question(talk, Plan, settings=ModelSettings(max_tokens=500)))
    assert never.calls <= 6


@given(st.lists(st.integers(1, 500), min_size=1, max_size=12), st.integers(0, 3_000))
def test_the_larger_ones_are_cut_to_one_size_and_use_all_the_room(sizes, room):
    level = water_level(sizes, room)
    used = sum(min(size, level) for size in sizes)
    if sum(sizes) <= room:
        assert level >= max(sizes) or used == pytest.approx(sum(sizes))
    else:
        assert used == pytest.approx(room)


@given(st.integers(1, 40), st.integers(1, 20))
def test_the_first_turn_that_is_kept_only_moves_forwards(turns, size):
    talk = [message for n in range(turns) for message in turn(n, size)]
    firsts = [window().first_kept((SYSTEM, TASK), tuple(talk[:n]), None) for n in range(len(talk) + 1)]
    assert firsts == sorted(firsts)
    assert all(first < max(n, 1) for n, first in enumerate(firsts))


@given(st.lists(st.none() | st.integers(0, 20_000), max_size=12))
def test_what_refusals_say_is_learned_until_nothing_more_can_be_tried(lengths):
    context = ServedContext()
    for length in lengths:
        before = context.tokens
        more = context.learn(length, ModelSettings(max_tokens=500))
        if length is None or length < 256:
            assert (more, context.tokens) == (False, before)
        else:
            assert context.tokens == length
            assert 0 < context.scale <= 1
            assert not more or length * context.scale > min(500, length // 2) or context.scale == 1
