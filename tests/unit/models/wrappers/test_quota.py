import asyncio
import multiprocessing
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from database import open_engine, sqlite_url, writing
from domain import Plan, RateLimited, Refused
from models import Database, Question
from models.policy import CallLimits
from models.wrappers.limits import DAY, MemoryCounters, Quota, QuotaWindow, StoredCounters
from tests.unit.models.flaky import ASK, PLAN, SETTINGS, Clock, Flaky


@asynccontextmanager
async def stored(path: Path):
    engine = open_engine(sqlite_url(path))
    database = Database(engine=engine, writing=writing)
    await database.create_all()
    yield StoredCounters(database=database)
    await engine.dispose()


@pytest.fixture(params=["memory", "stored"])
async def counters(request, tmp_path):
    if request.param == "memory":
        yield MemoryCounters()
    else:
        async with stored(tmp_path / "counters.db") as counting:
            yield counting


def quota(counters, clock, **limits):
    return Quota(model=Flaky(), limits=CallLimits(**limits), counters=counters, counted_as="vllm", clock=clock)


async def ask(model):
    return (await model.ask(Question(ASK, Plan, settings=SETTINGS))).value


async def test_a_full_minute_says_when_there_is_room(counters):
    clock = Clock(now=5 * DAY + 1_000)
    model = quota(counters, clock, rpm=2)
    assert await ask(model) == PLAN
    clock.now += 10
    assert await ask(model) == PLAN
    clock.now += 10
    with pytest.raises(RateLimited) as caught:
        await ask(model)
    assert caught.value.retry_after == pytest.approx(40)
    assert model.model.calls == 2, "nothing was sent"
    clock.now += 41
    assert await ask(model) == PLAN


async def test_a_full_day_is_a_refusal_until_midnight(counters):
    clock = Clock(now=5 * DAY + 1_000)
    model = quota(counters, clock, daily_calls=1, rpm=10)
    await ask(model)
    clock.now = 6 * DAY - 1
    with pytest.raises(Refused) as caught:
        await ask(model)
    assert caught.value.stable_code == "quota_reached"
    clock.now = 6 * DAY + 1
    assert await ask(model) == PLAN


@pytest.mark.parametrize("limits", [{"rpm": 0}, {"daily_calls": 0}])
async def test_zero_means_never(counters, limits):
    with pytest.raises(Refused):
        await ask(quota(counters, Clock(), **limits))


async def test_without_limits_nothing_is_counted(counters):
    assert await ask(quota(counters, Clock())) == PLAN


@given(st.lists(st.floats(0, 300), max_size=40), st.integers(1, 5))
async def test_no_minute_ever_has_more_calls_than_allowed(gaps, rpm):
    counters, clock, sent = MemoryCounters(), Clock(now=5 * DAY), []
    model = quota(counters, clock, rpm=rpm)
    for gap in gaps:
        clock.now += gap / 10
        with suppress(RateLimited):
            await ask(model)
            sent.append(clock.now)
    assert all(sum(start < at <= start + 60 for at in sent) <= rpm for start in (t - 60 for t in sent))


def take_many(path: str, results) -> None:
    windows = (QuotaWindow(calls=25, since=0.0),)

    async def many() -> int:
        async with stored(Path(path)) as counters:
            return sum([await counters.take("vllm", at=100.0 + n, windows=windows) is None for n in range(20)])

    results.put(asyncio.run(many()))


@pytest.mark.slow
def test_several_processes_share_one_quota(tmp_path):
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    path = str(tmp_path / "counters.db")
    workers = [context.Process(target=take_many, args=(path, results)) for _ in range(3)]
    for worker in workers:
        worker.start()
    taken = [results.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join()
    assert sum(taken) == 25
