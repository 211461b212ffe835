"""Wrappers in any order and any number: a result or an error of the house, in time, with nothing left set aside."""

from hypothesis import given, settings
from hypothesis import strategies as st

from domain import Budget, ContextTooLong, Exhausted, Plan, RateLimited, Refused, SignoffError, Unavailable, Unreadable
from models import Question
from models.policy import CallLimits
from models.wrappers import CircuitBreaker, ContextWindow, Fallback, Instrumented, Retry
from models.wrappers.cache import Cached, MemoryAnswers
from models.wrappers.limits import Budgeted, BudgetLedger, MemoryCounters, Quota
from tests.unit.models.flaky import ASK, PLAN, SETTINGS, Clock, Flaky

ERRORS = (
    ContextTooLong("long", max_tokens=9_000),
    Unavailable("down"),
    RateLimited("slow", retry_after=3),
    Unreadable("x"),
    Refused("no"),
    Exhausted("spent"),
)
MOODS = st.lists(st.sampled_from([None, *ERRORS]), max_size=12)
LAYERS = st.lists(
    st.sampled_from(["retry", "breaker", "fallback", "quota", "budgeted", "cached", "instrumented", "fitted"]),
    max_size=7,
)


def wrapped(layers, flaky, clock, ledger):
    model = flaky
    for layer in layers:
        model = {
            "retry": lambda m: Retry(model=m, pause=clock.pause, clock=clock),
            "breaker": lambda m: CircuitBreaker(model=m, clock=clock, failures=3),
            "fallback": lambda m: Fallback(models=(m, Flaky(name="spare"))),
            "quota": lambda m: Quota(
                model=m, limits=CallLimits(rpm=5), counters=MemoryCounters(), counted_as="x", clock=clock
            ),
            "budgeted": lambda m: Budgeted(model=m, ledger=ledger),
            "cached": lambda m: Cached(model=m, answers=MemoryAnswers(clock=clock), org="a"),
            "instrumented": lambda m: Instrumented(model=m),
            "fitted": lambda m: ContextWindow(model=m),
        }[layer](model)
    return model


@settings(max_examples=150)
@given(LAYERS, MOODS, st.integers(1, 8))
async def test_any_composition_is_a_model(layers, moods, questions):
    clock, flaky = Clock(), Flaky(list(moods))
    ledger = BudgetLedger(Budget(max_tokens=100_000))
    model = wrapped(layers, flaky, clock, ledger)
    answers = 0
    for _ in range(questions):
        began = clock.now
        try:
            reply = await model.ask(Question(ASK, Plan, settings=SETTINGS))
        except SignoffError:
            pass
        else:
            answers += 1
            assert reply.value == PLAN
        assert clock.now - began <= SETTINGS.timeout_s + 1
        assert ledger.reserved.tokens == 0
    assert model.name
    if "fallback" not in layers and "cached" not in layers:
        assert answers <= flaky.calls


@given(MOODS)
async def test_a_cache_never_keeps_an_error(moods):
    flaky = Flaky(list(moods))
    model = Cached(model=flaky, answers=MemoryAnswers(), org="a")
    for _ in range(len(moods) + 1):
        try:
            await model.ask(Question(ASK, Plan, settings=SETTINGS))
        except SignoffError:
            continue
        break
    assert (await model.ask(Question(ASK, Plan, settings=SETTINGS))).value == PLAN
