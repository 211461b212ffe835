"""Counters, ledgers and shelves in the database: the same promises as their twins (see also ``test_together``)."""

import asyncio
from contextlib import suppress
from decimal import Decimal

import pytest

from domain import Budget, Exhausted, Plan, Spent
from models import Question
from models.contract import Price, Usage
from models.routing import CallLimits
from models.wrappers import Budgeted, MemoryAnswers, Quota, StoredAnswers, StoredCounters, StoredLedger
from models.wrappers.limits import DAY, Amount
from tests.unit.models.flaky import ASK, PLAN, SETTINGS, Clock, Flaky

PRICE = Price(per_1k_in=Decimal(1), per_1k_out=Decimal(1))


def worst() -> int:
    """Tokens that one call sets aside."""
    return 2 * (len(ASK[0].content) // 3) + 100 + 200


async def test_fifty_calls_at_once_never_pass_the_cap(database):
    """The cap has room for a part of them; who comes too late is told, and nothing of it was sent."""
    budget = Budget(max_tokens=7 * worst(), max_cost=Decimal(10**6))
    flaky = Flaky(usage=Usage(tokens_in=worst() - 100, tokens_out=100, calls=1))

    async def call():
        ledger = StoredLedger(database=database, account="acme/run", budget=budget)
        with suppress(Exhausted):
            await Budgeted(model=flaky, ledger=ledger, price=PRICE).ask(Question(ASK, Plan, settings=SETTINGS))
            return 1
        return 0

    done = sum(await asyncio.gather(*(call() for _ in range(50))))
    assert done == flaky.calls == 7
    other = StoredLedger(database=database, account="acme/other", budget=budget)
    await other.settle(await other.reserve(Amount(tokens=worst())), Amount(tokens=1))


async def test_money_holds_to_the_billionth_and_a_fork_brings_its_past(database):
    budget = Budget(max_cost=Decimal("0.000000010"))
    ledger = StoredLedger(database=database, account="a/r", budget=budget, known=Spent(cost=Decimal("0.000000004")))
    hold = await ledger.reserve(Amount(cost=Decimal("0.000000006")))
    with pytest.raises(Exhausted):
        await ledger.reserve(Amount(cost=Decimal("0.000000001")))
    await ledger.settle(hold, Amount(cost=Decimal("0.000000005")))
    await ledger.reserve(Amount(cost=Decimal("0.000000005")))
    with pytest.raises(Exhausted, match="cost"):
        await ledger.reserve(Amount(cost=Decimal("0.000000001")))


async def test_what_a_killed_process_held_is_given_back_after_a_while(database):
    clock = Clock()
    ledger = StoredLedger(database=database, account="a/r", budget=Budget(max_tokens=10), clock=clock, hold_s=60)
    await ledger.reserve(Amount(tokens=10))
    with pytest.raises(Exhausted):
        await ledger.reserve(Amount(tokens=1))
    clock.now += 61
    await ledger.reserve(Amount(tokens=10))


async def test_a_minute_and_a_day(database):
    clock = Clock(now=5 * DAY + 1_000)
    counters = StoredCounters(database=database)
    model = Quota(
        model=Flaky(), limits=CallLimits(rpm=1, daily_calls=2), counters=counters, counted_as="x", clock=clock
    )
    assert (await model.ask(Question(ASK, Plan, settings=SETTINGS))).value == PLAN
    with pytest.raises(Exception, match="1 times a minute"):
        await model.ask(Question(ASK, Plan, settings=SETTINGS))
    clock.now += 61
    await model.ask(Question(ASK, Plan, settings=SETTINGS))
    clock.now += 61
    with pytest.raises(Exception, match="2 times a day"):
        await model.ask(Question(ASK, Plan, settings=SETTINGS))


async def shelf_promises(kept, clock):
    await kept.put("k", "one", for_s=10, group="s", words="fix it")
    await kept.put("k", "two", for_s=10, group="s", words="fix it")
    await kept.put("other", "three", for_s=100)
    assert await kept.get("k") == "two"
    assert list(await kept.similar("s")) == [("fix it", "two")]
    assert list(await kept.similar("t")) == []
    clock.now += 11
    assert await kept.get("k") is None
    assert list(await kept.similar("s")) == []
    assert await kept.get("other") == "three"


async def test_a_shelf_forgets_in_time_and_keeps_wishes_apart():
    clock = Clock()
    await shelf_promises(MemoryAnswers(clock=clock), clock)


async def test_so_does_the_one_in_the_database(database):
    clock = Clock()
    await shelf_promises(StoredAnswers(database=database, clock=clock), clock)


async def test_two_who_keep_the_same_answer_at_once(database):
    shelf = StoredAnswers(database=database)
    await asyncio.gather(*(shelf.put("k", str(n), for_s=10) for n in range(10)))
    assert await shelf.get("k") is not None
