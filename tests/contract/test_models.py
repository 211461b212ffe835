"""The twin, every wrapper, all of them around each other, and the real client keep the same promises."""

from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from domain import Budget, ContextTooLong, RateLimited, Refused, Unavailable, Unreadable
from models import Scripted
from models.clients import ModelEndpoint
from models.clients.chat import open_chat
from models.conformance import CHECKS, ModelUnderTest
from models.policy import CallLimits
from models.wrappers import CircuitBreaker, ContextWindow, Fallback, Instrumented, Retry
from models.wrappers.cache import Cached, MemoryAnswers
from models.wrappers.limits import Budgeted, BudgetLedger, MemoryCounters, Quota
from tests.wire.openai_server import OpenAIServer

MOODS = {
    "down": Unavailable("down"),
    "slow_down": RateLimited("slow", retry_after=0.0),
    "too_long": ContextTooLong("long", max_tokens=9),
    "unauthorized": Refused("no", code="llm_unauthorized"),
    "garbage": Unreadable("garbage"),
}
STEPS = {
    "down": {"status": 503},
    "slow_down": {"status": 429, "headers": {"retry-after": "0"}},
    "too_long": {"status": 400, "message": "maximum context length is 9 tokens"},
    "unauthorized": {"status": 401},
    "garbage": {"answer": "no json"},
}


@dataclass
class Told:
    """The twin again and again, with what it was told last."""

    said: list[object] = field(default_factory=list)

    name = "told"

    async def ask(self, question):
        return await Scripted(self.said, name="told").ask(question)

    def say(self, mood, said) -> None:
        self.said = [said if mood == "answers" else MOODS[mood]]


async def at_once(_seconds: float) -> None:
    return None


WRAPPERS: dict[str, Callable] = {
    "bare": lambda m: m,
    "retry": lambda m: Retry(model=m, pause=at_once, attempts=2),
    "breaker": lambda m: CircuitBreaker(model=m),
    "fitted": lambda m: ContextWindow(model=m),
    "fallback": lambda m: Fallback(models=(m,)),
    "instrumented": lambda m: Instrumented(model=m, content=True),
    "quota": lambda m: Quota(model=m, limits=CallLimits(rpm=99), counters=MemoryCounters(), counted_as="x"),
    "budgeted": lambda m: Budgeted(model=m, ledger=BudgetLedger(Budget(max_tokens=100_000))),
    "cached": lambda m: Cached(model=m, answers=MemoryAnswers(most=0), org="a"),
}


def all_of_them(model):
    for wrap in reversed(WRAPPERS.values()):
        model = wrap(model)
    return model


@asynccontextmanager
async def twin_seat(wrap):
    told = Told()
    yield ModelUnderTest(model=wrap(told), say=told.say)


@asynccontextmanager
async def wire_seat(wrap):
    async with OpenAIServer(api_key="k") as server:

        def say(mood, said) -> None:
            server.script = [{"repeat": True, **({"answer": said} if mood == "answers" else STEPS[mood])}]

        endpoint = ModelEndpoint(base_url=server.base_url, model="fake-model", api_key=SecretStr("k"))
        async with open_chat(endpoint) as chat:
            yield ModelUnderTest(model=wrap(chat), say=say)


SEATS = {
    **{f"twin-{name}": (twin_seat, wrap) for name, wrap in WRAPPERS.items()},
    "twin-all": (twin_seat, all_of_them),
    "wire": (wire_seat, WRAPPERS["bare"]),
    "wire-all": (wire_seat, all_of_them),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("seat", SEATS)
async def test_a_model_keeps_its_promises(seat, check):
    sit, wrap = SEATS[seat]
    async with sit(wrap) as taken:
        await check(taken)
