import pytest

from domain import Broken, Plan, RateLimited, Review, Step, Unreadable
from models import Message, ModelSettings, Question, Scripted

PLAN = Plan(goal="g", steps=(Step(id="1", title="t"),))
ASK = (Message(role="user", content="x" * 40),)


async def test_answers_come_in_order_whatever_form_they_have():
    said = {"goal": "g", "steps": [{"id": "1", "title": "t"}]}
    model = Scripted([PLAN, said, '{"status": "ok"}', "Hello."], name="twin")
    assert (await model.ask(Question(ASK, Plan, settings=ModelSettings()))).value == PLAN
    assert (await model.ask(Question(ASK, Plan, settings=ModelSettings()))).value == PLAN
    assert (await model.ask(Question(ASK, Review, settings=ModelSettings()))).value == Review(status="ok")
    assert model.left == 1
    assert (await model.ask(Question(ASK, str, settings=ModelSettings()))).value == "Hello."
    assert model.asked == (ASK,) * 4
    assert model.left == 0


async def test_it_is_heard_and_counted():
    heard = []
    reply = await Scripted([PLAN]).ask(Question(ASK, Plan, settings=ModelSettings(), listener=heard.append))
    assert '"goal":"g"' in "".join(heard)
    assert (reply.usage.tokens_in, reply.usage.calls) == (10, 1)
    assert reply.usage.tokens_out > 0


@pytest.mark.parametrize(
    ("answers", "error", "code"),
    [
        ([], Broken, "script_ended"),
        ([Review(status="ok")], Broken, "script_mismatch"),
        (["no json"], Unreadable, "llm_unreadable"),
        ([{"goal": "g"}], Unreadable, "llm_unreadable"),
        ([RateLimited("slow", retry_after=3)], RateLimited, "rate_limit_exceeded"),
    ],
)
async def test_what_does_not_fit_is_an_error(answers, error, code):
    with pytest.raises(error) as caught:
        await Scripted(answers).ask(Question(ASK, Plan, settings=ModelSettings()))
    assert caught.value.stable_code == code
