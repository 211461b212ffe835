"""Conformance suite: what every ``Model`` promises, as checks to run on any of them (C4, F1).

A check takes an open ``ModelUnderTest``: a model, and a way to tell the world behind it what to say next. See
``tests/contract/test_models.py`` for how the twin, the wrappers and the real client sit for it.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from domain import ContextTooLong, Plan, RateLimited, Refused, Review, SignoffError, Step, Transient, Unavailable
from models.contract import Message, Model, ModelSettings, Question, metered

Mood = Literal["answers", "down", "slow_down", "too_long", "unauthorized", "garbage"]

PLAN = Plan(goal="Fix the sum", steps=(Step(id="1", title="Correct the operator"),))
ASK = (Message(role="system", content="You plan."), Message(role="user", content="The sum is wrong."))
SETTINGS = ModelSettings(temperature=0.2, max_tokens=512, timeout_s=5.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelUnderTest:
    """A model to be checked, and ``say``: from now on the world behind it answers, or fails, like this."""

    model: Model
    say: Callable[[Mood, object], None]


Check = Callable[[ModelUnderTest], Awaitable[None]]


def _must(held: object, promise: str) -> None:
    if not held:
        raise AssertionError(promise)


async def it_answers_with_the_type_that_was_asked_for(tested: ModelUnderTest) -> None:
    for answer in (PLAN, Review(status="ok")):
        tested.say("answers", answer)
        with metered() as meter:
            reply = await tested.model.ask(Question(ASK, type(answer), settings=SETTINGS))
        _must(reply.value == answer, "the value is what was said")
        _must(type(reply.value) is type(answer), "the value has the type that was asked for")
        _must(reply.model, "the reply names who answered")
        _must(meter.usage.tokens_in >= reply.usage.tokens_in, "what it cost is booked")
        _must(reply.usage.cost >= 0, "an answer does not earn money")
        _must(reply.latency_ms >= 0, "time passes forwards")


async def it_answers_with_text(tested: ModelUnderTest) -> None:
    tested.say("answers", "Hello, world.")
    reply = await tested.model.ask(Question(ASK, str, settings=SETTINGS))
    _must(reply.value == "Hello, world.", "text comes as it is")


async def it_can_be_heard(tested: ModelUnderTest) -> None:
    pieces: list[str] = []
    tested.say("answers", PLAN)
    await tested.model.ask(Question(ASK, Plan, settings=SETTINGS, listener=pieces.append))
    _must("Fix the sum" in "".join(pieces), "what streams in is the answer")


async def it_has_a_name_before_and_after(tested: ModelUnderTest) -> None:
    before = tested.model.name
    tested.say("answers", PLAN)
    await tested.model.ask(Question(ASK, Plan, settings=SETTINGS))
    _must(before, "a model has a name before it is asked")
    _must(tested.model.name, "and afterwards")


async def it_fails_with_our_own_errors(tested: ModelUnderTest) -> None:
    errors: dict[Mood, type[SignoffError]] = {
        "down": Unavailable,
        "slow_down": RateLimited,
        "too_long": ContextTooLong,
        "unauthorized": Refused,
        "garbage": Transient,
    }
    for mood, error in errors.items():
        tested.say(mood, None)
        try:
            await tested.model.ask(Question(ASK, Plan, settings=SETTINGS))
        except error as raised:
            _must(raised.stable_code, "an error has a code")
        else:
            raise AssertionError(f"{mood} is an error")


async def it_recovers(tested: ModelUnderTest) -> None:
    tested.say("slow_down", None)
    with suppress(Transient):
        await tested.model.ask(Question(ASK, Plan, settings=SETTINGS))
    tested.say("answers", PLAN)
    reply = await tested.model.ask(Question(ASK, Plan, settings=SETTINGS))
    _must(reply.value == PLAN, "after a bad moment it answers again")


CHECKS: tuple[Check, ...] = (
    it_answers_with_the_type_that_was_asked_for,
    it_answers_with_text,
    it_can_be_heard,
    it_has_a_name_before_and_after,
    it_fails_with_our_own_errors,
    it_recovers,
)
