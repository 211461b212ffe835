from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from domain import CodeChange, Plan
from models import Message, ModelSettings, Question, Tool
from models.wrappers.cache import Cached, MemoryAnswers, answer_key
from tests.unit.models.flaky import ASK, PLAN, Clock, Flaky

COLD = ModelSettings(temperature=0.2)


async def test_the_same_question_is_asked_once():
    flaky, heard = Flaky(), []
    model = Cached(model=flaky, answers=MemoryAnswers(), org="a")
    first = await model.ask(Question(ASK, Plan, settings=COLD))
    second = await model.ask(Question(ASK, Plan, settings=COLD, listener=heard.append))
    assert first.value == second.value == PLAN
    assert flaky.calls == 1
    assert second.usage.calls == 0
    assert second.finish == "cached"
    assert heard


async def test_another_organisation_never_sees_it():
    flaky, shelf = Flaky(), MemoryAnswers()
    for org in ("a", "b"):
        await Cached(model=flaky, answers=shelf, org=org).ask(Question(ASK, Plan, settings=COLD))
    assert flaky.calls == 2


@given(st.sampled_from(["model", "messages", "roles", "tokens", "temperature", "answer"]))
async def test_everything_an_answer_depends_on_is_in_the_key(changed):
    flaky, shelf = Flaky(), MemoryAnswers()
    other = Flaky(name="other") if changed == "model" else flaky
    messages = {"messages": (Message(role="user", content="Please"),), "roles": (replace(ASK[0], role="system"),)}
    settings = {"tokens": ModelSettings(temperature=0.2, max_tokens=7), "temperature": ModelSettings(temperature=0.1)}
    await Cached(model=flaky, answers=shelf, org="a").ask(Question(ASK, Plan, settings=COLD))
    answer = CodeChange if changed == "answer" else Plan
    again = Cached(model=other, answers=shelf, org="a")
    await again.ask(Question(messages.get(changed, ASK), answer, settings=settings.get(changed, COLD)))
    assert flaky.calls + (other.calls if other is not flaky else 0) == 2


async def test_an_answer_grows_old():
    flaky, clock = Flaky(), Clock()
    model = Cached(model=flaky, answers=MemoryAnswers(clock=clock), org="a", keep_s=60)
    await model.ask(Question(ASK, Plan, settings=COLD))
    clock.now += 61
    await model.ask(Question(ASK, Plan, settings=COLD))
    assert flaky.calls == 2


async def test_where_variety_is_wanted_nothing_is_kept():
    flaky = Flaky()
    model = Cached(model=flaky, answers=MemoryAnswers(), org="a")
    for _ in range(2):
        await model.ask(Question(ASK, Plan, settings=ModelSettings(temperature=0.9)))
    assert flaky.calls == 2


async def test_what_an_older_version_kept_is_asked_again():
    flaky, shelf = Flaky(), MemoryAnswers()
    model = Cached(model=flaky, answers=shelf, org="a")
    await model.ask(Question(ASK, Plan, settings=COLD))
    for key in list(shelf.texts):
        await shelf.put(key, '{"old": true}', for_s=60)
    assert (await model.ask(Question(ASK, Plan, settings=COLD))).value == PLAN
    assert flaky.calls == 2


@given(st.lists(st.integers(0, 20), max_size=60))
async def test_the_shelf_is_bounded(keys):
    shelf = MemoryAnswers(most=5)
    for key in keys:
        await shelf.put(str(key), "x", for_s=60)
        assert len(shelf.texts) <= 5
        assert await shelf.get(str(key)) == "x"


def test_an_answer_s_key_is_the_same_in_every_version():
    question = Question((Message(role="user", content="x"),), Plan, settings=ModelSettings())
    with_tools = Question(
        (Message(role="user", content="x", tool_call_id="1"),), str, settings=ModelSettings(), tools=(Tool(name="a"),)
    )
    # The schema of a plan is part of the question: it is another one since steps have roles and files.
    assert answer_key("o", "scripted", question).startswith("7fd0528b306fd8b5f5381da88ec20812")
    assert answer_key("o", "scripted", with_tools).startswith("e16a3b20a6805d25976f02438abcf8c2")


PARTS = st.fixed_dictionaries(
    {
        "org": st.sampled_from(["a", "b"]),
        "model": st.sampled_from(["m", "n"]),
        "content": st.sampled_from(["x", "y"]),
        "temperature": st.sampled_from([0.0, 0.2]),
        "answer": st.sampled_from([Plan, CodeChange]),
    }
)


@given(PARTS, PARTS)
def test_everything_that_an_answer_depends_on_is_in_its_key(one, other):
    def key(parts):
        settings = ModelSettings(temperature=parts["temperature"])
        question = Question((Message(role="user", content=parts["content"]),), parts["answer"], settings=settings)
        return answer_key(parts["org"], parts["model"], question)

    assert (key(one) == key(other)) == (one == other)
