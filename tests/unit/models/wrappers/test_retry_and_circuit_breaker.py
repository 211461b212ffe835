import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Exhausted, Plan, RateLimited, Refused, SignoffError, Unavailable, Unreadable
from models import ModelSettings, Question
from models.wrappers import CircuitBreaker, Fallback, Retry
from tests.unit.models.flaky import ASK, PLAN, SETTINGS, Clock, Flaky

MOODS = st.lists(
    st.sampled_from(
        [
            None,
            Unavailable("down"),
            RateLimited("slow"),
            RateLimited("slow", retry_after=7),
            Unreadable("garbage"),
            Refused("no", code="llm_unauthorized"),
            Refused("no"),
            Exhausted("spent"),
        ]
    ),
    max_size=8,
)


async def asked(model, settings=SETTINGS):
    try:
        return (await model.ask(Question(ASK, Plan, settings=settings))).value
    except SignoffError as error:
        return error


def retry(model, clock, **options):
    return Retry(model=model, pause=clock.pause, clock=clock, jitter=lambda: 1.0, **options)


@given(MOODS, st.integers(1, 5), st.floats(1, 100))
async def test_retry_ends_in_time_with_an_answer_or_the_last_error(moods, attempts, seconds):
    clock, flaky = Clock(), Flaky(list(moods))
    found = await asked(retry(flaky, clock, attempts=attempts), ModelSettings(timeout_s=seconds))
    assert flaky.calls <= attempts
    assert clock.now - 1_000_000 < seconds
    assert found == PLAN if isinstance(found, Plan) else found is moods[flaky.calls - 1]
    assert all(0 < patience <= seconds + 1e-6 for patience in flaky.patience)


async def test_what_the_server_asks_for_is_honoured():
    clock = Clock()
    flaky = Flaky([RateLimited("slow", retry_after=7), Unavailable("down"), Unavailable("down")])
    assert await asked(retry(flaky, clock)) == PLAN
    assert clock.waits == [7, 1.0, 2.0]


async def test_nobody_waits_longer_than_there_is_time():
    clock, flaky = Clock(), Flaky([RateLimited("slow", retry_after=61)])
    assert isinstance(await asked(retry(flaky, clock)), RateLimited)
    assert clock.waits == []


@pytest.mark.parametrize("error", [Unreadable("twice"), Refused("no"), Exhausted("spent")])
async def test_what_cannot_get_better_is_not_tried_again(error):
    flaky = Flaky([error])
    assert await asked(retry(flaky, Clock())) is error
    assert flaky.calls == 1


async def test_the_circuit_opens_rests_and_lets_one_through():
    clock, flaky = Clock(), Flaky([Unavailable("down")] * 4)
    breaker = CircuitBreaker(model=flaky, failures=3, rest_s=30, clock=clock)
    for _ in range(3):
        await asked(breaker)
    assert breaker.open
    assert isinstance(await asked(breaker), Unavailable)
    assert flaky.calls == 3
    clock.now += 31
    assert isinstance(await asked(breaker), Unavailable), "the one that was let through"
    assert flaky.calls == 4
    assert breaker.open
    clock.now += 31
    assert await asked(breaker) == PLAN
    assert not breaker.open
    assert await asked(breaker) == PLAN


async def test_a_server_that_answers_with_a_no_is_not_down_any_more():
    clock, no = Clock(), Refused("no", code="llm_bad_request")
    flaky = Flaky([Unavailable("down")] * 3 + [no])
    breaker = CircuitBreaker(model=flaky, failures=3, rest_s=30, clock=clock)
    for _ in range(3):
        await asked(breaker)
    clock.now += 31
    assert await asked(breaker) is no
    assert breaker.circuit.failures == 0


class Waits(Flaky):
    """Is down, and says so once the gate of the call is open."""

    def __init__(self, gates: list[asyncio.Event]) -> None:
        super().__init__([Unavailable("down") for _ in gates])
        self.gates, self.begun = list(gates), [asyncio.Event() for _ in gates]

    async def ask(self, question):
        number = self.calls
        self.calls += 1
        self.begun[number].set()
        await self.gates[number].wait()
        raise self.moods.pop(0)


async def test_a_call_from_before_lets_nobody_else_through():
    """The circuit is tried by one call; another one that began earlier ends meanwhile."""
    clock, gates = Clock(), [asyncio.Event() for _ in range(3)]
    slow = Waits(gates)
    breaker = CircuitBreaker(model=slow, failures=1, rest_s=30, clock=clock)
    early = [asyncio.create_task(asked(breaker)) for _ in range(2)]
    await slow.begun[1].wait()
    gates[0].set()
    await early[0]
    clock.now += 31
    trial = asyncio.create_task(asked(breaker))
    await slow.begun[2].wait()
    gates[1].set()
    await early[1]
    clock.now += 31
    assert isinstance(await asked(breaker), Unavailable), "the trial is still going on"
    assert slow.calls == 3
    gates[2].set()
    await trial
    assert not breaker.circuit.trying


@given(st.lists(st.sampled_from([RateLimited("slow"), Unreadable("x"), Refused("no"), None]), max_size=20))
async def test_only_a_server_that_fails_is_rested(moods):
    breaker = CircuitBreaker(model=Flaky(list(moods)), failures=1)
    for _ in moods:
        await asked(breaker)
    assert not breaker.open


@given(st.lists(MOODS, min_size=1, max_size=4))
async def test_a_fallback_asks_in_order_and_raises_the_first_error(moods):
    models = tuple(Flaky(list(each), name=str(n)) for n, each in enumerate(moods))
    passed = []
    found = await asked(Fallback(models=models, on_failure=lambda name, error: passed.append(name)))
    firsts = [each[0] if each else None for each in moods]
    if isinstance(found, Plan):
        assert None in firsts
        assert passed == [str(n) for n in range(firsts.index(None))]
    elif isinstance(found, Exhausted) or found.stable_code == "refused":
        assert found in firsts
    else:
        assert found is firsts[0]
        assert None not in firsts


async def test_a_spent_budget_is_not_walked_around():
    models = (Flaky([Exhausted("spent")]), Flaky())
    assert isinstance(await asked(Fallback(models=models)), Exhausted)
    assert models[1].calls == 0


async def test_nobody_to_fall_back_on():
    found = await asked(Fallback(models=()))
    assert found.stable_code == "llm_none"
