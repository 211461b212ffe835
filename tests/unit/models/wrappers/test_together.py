"""Budgets and quotas of several processes at once: caps hold for all of them together."""

import asyncio
import multiprocessing
from contextlib import suppress
from decimal import Decimal

import pytest

from database import open_engine, writing
from domain import Budget, Exhausted, Plan
from models import Database, Question
from models.contract import Usage
from models.routing import CallLimits
from models.wrappers import Budgeted, Quota, StoredCounters, StoredLedger
from models.wrappers.limits import DAY, Amount
from tests.unit.models.flaky import ASK, SETTINGS, Flaky
from tests.unit.models.wrappers.test_stored import PRICE, worst


def _calls(url: str, limit: int, wanted: int, answers: "multiprocessing.Queue[int]") -> None:
    async def work() -> int:
        engine = open_engine(url)
        model = Quota(
            model=Flaky(),
            limits=CallLimits(daily_calls=limit),
            counted_as="acme/*/vllm",
            counters=StoredCounters(database=Database(engine=engine, writing=writing)),
            clock=lambda: 5 * DAY + 10,
        )
        done = 0
        for _ in range(wanted):
            with suppress(Exception):
                await model.ask(Question(ASK, Plan, settings=SETTINGS))
                done += 1
        await engine.dispose()
        return done

    answers.put(asyncio.run(work()))


@pytest.mark.slow
async def test_two_processes_share_the_last_places(database, url):
    assert database
    assert sum(await asyncio.to_thread(_at_once, _calls, url, 25, 20)) == 25


def _spending(url: str, cap: int, answers: "multiprocessing.Queue[int]") -> None:
    """Half of fifty calls at once, of one run, in a process of its own."""

    async def work() -> int:
        engine = open_engine(url)
        database, budget = Database(engine=engine, writing=writing), Budget(max_tokens=cap, max_cost=Decimal(10**6))
        flaky = Flaky(usage=Usage(tokens_in=worst() - 100, tokens_out=100, calls=1))

        async def call() -> None:
            ledger = StoredLedger(database=database, account="acme/run", budget=budget)
            with suppress(Exhausted):
                await Budgeted(model=flaky, ledger=ledger, price=PRICE).ask(Question(ASK, Plan, settings=SETTINGS))

        await asyncio.gather(*(call() for _ in range(25)))
        await engine.dispose()
        return flaky.calls

    answers.put(asyncio.run(work()))


def _at_once(work, *given) -> list[int]:
    """What two processes counted that began together."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    processes = [context.Process(target=work, args=(*given, answers)) for _ in range(2)]
    for process in processes:
        process.start()
    counted = [answers.get(timeout=60) for _ in processes]
    for process in processes:
        process.join(30)
    return counted


@pytest.mark.slow
async def test_fifty_calls_of_two_processes_never_pass_the_cap(database, url):
    counted = await asyncio.to_thread(_at_once, _spending, url, 7 * worst())
    assert sum(counted) == 7
    spent = StoredLedger(database=database, account="acme/run", budget=Budget(max_tokens=7 * worst()))
    with pytest.raises(Exhausted):
        await spent.reserve(Amount(tokens=1))
    topped_up = StoredLedger(database=database, account="acme/run", budget=Budget(max_tokens=8 * worst()))
    await topped_up.reserve(Amount(tokens=worst()))


def _in_a_minute(url: str, answers: "multiprocessing.Queue[int]") -> None:
    async def work() -> int:
        engine, flaky = open_engine(url), Flaky()
        counters = StoredCounters(database=Database(engine=engine, writing=writing))
        model = Quota(model=flaky, limits=CallLimits(rpm=9), counted_as="acme", counters=counters)
        calls = (model.ask(Question(ASK, Plan, settings=SETTINGS)) for _ in range(25))
        await asyncio.gather(*calls, return_exceptions=True)
        await engine.dispose()
        return flaky.calls

    answers.put(asyncio.run(work()))


@pytest.mark.slow
async def test_two_processes_share_a_minute(database, url):
    assert database
    assert sum(await asyncio.to_thread(_at_once, _in_a_minute, url)) == 9
