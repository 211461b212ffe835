from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.ext.asyncio import create_async_engine

from domain import Plan, Unavailable
from models import Database, Question, Usage
from models.contract import Price
from models.wrappers.usage_log import (
    CallReason,
    MemoryDecisions,
    RoutingDecision,
    StoredDecisions,
    UsageLogged,
    UsageTotal,
    report,
)
from tests.unit.models.flaky import ASK, SETTINGS, Flaky

NOW = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


@pytest.fixture(params=["memory", "sqlite"])
async def decisions(request, tmp_path):
    if request.param == "memory":
        yield MemoryDecisions()
        return
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path / 'decisions.db'}")
    database = Database(engine=engine)
    await database.create_all()
    yield StoredDecisions(database=database)
    await engine.dispose()


def decision(n: int, **changes) -> RoutingDecision:
    plain = {
        "at": NOW + timedelta(hours=n),
        "org": "a",
        "choice": "small",
        "tokens_in": 100,
        "tokens_out": 10,
        "cost": Decimal("0.000000123"),
    }
    return RoutingDecision(**{**plain, **changes})


async def test_rows_come_back_as_they_were(decisions):
    rows = [decision(n, run=f"r{n % 2}", candidates=("small", "large"), reason="because") for n in range(4)]
    for row in rows:
        await decisions.record(row)
    assert list(await decisions.latest("a")) == rows[::-1]
    assert list(await decisions.latest("a", limit=1)) == rows[-1:]
    assert list(await decisions.latest("a", run="r0")) == [rows[2], rows[0]]
    assert list(await decisions.latest("b")) == []


async def test_usage_adds_up_exactly_and_by_organisation(decisions):
    for n in range(3):
        await decisions.record(decision(n))
    await decisions.record(decision(0, choice="large", outcome="llm_unavailable", tokens_in=0, tokens_out=0))
    await decisions.record(decision(0, org="b"))
    small, large = await decisions.usage("a")
    assert (small.name, small.calls, small.failed, small.tokens_in) == ("small", 3, 0, 300)
    assert small.cost == Decimal("0.000000369")
    assert (large.calls, large.failed) == (1, 1)
    (late,) = await decisions.usage("a", since=NOW + timedelta(hours=2))
    assert late.calls == 1


async def test_the_report_compares_with_the_premium_model(decisions):
    for n in range(10):
        await decisions.record(decision(n, cost=Decimal("0.01"), tokens_cached=50))
    found = report(await decisions.usage("a"), Price(per_1k_in=Decimal(1), per_1k_out=Decimal(2)))
    assert found.cost == Decimal("0.10")
    assert found.premium_cost == Decimal("1.2")
    assert found.saved == Decimal("1.10")
    assert found.cached_share == 0.5
    assert report([], Price()).cached_share == 0


async def test_every_call_leaves_a_row(decisions):
    why = CallReason(
        org="a", run="r", role="coder", kind="fix", tier="fast", strategy="fast", candidates=("m",), reason="x"
    )
    usage = Usage(tokens_in=9, tokens_out=3, tokens_cached=6, cost=Decimal("0.5"), calls=1)
    flaky = Flaky([None, Unavailable("down")], name="m", usage=usage)
    model = UsageLogged(model=flaky, decisions=decisions, why=lambda: why, clock=lambda: NOW)
    await model.ask(Question(ASK, Plan, settings=SETTINGS))
    with pytest.raises(Unavailable):
        await model.ask(Question(ASK, Plan, settings=SETTINGS))
    failed, answered = await decisions.latest("a")
    assert (answered.outcome, answered.tokens_in, answered.cost, answered.role) == (
        "answered",
        9,
        Decimal("0.5"),
        "coder",
    )
    assert (failed.outcome, failed.tokens_in, failed.reason) == ("llm_unavailable", 0, "x")


@given(st.lists(st.sampled_from(["answered", "cached", "stopped", "llm_unavailable"]), max_size=8), st.integers(0, 8))
def test_a_total_is_the_sum_of_its_parts(outcomes, cut):
    rows = [decision(n, outcome=outcome, latency_ms=float(n)) for n, outcome in enumerate(outcomes)]
    whole, parts = UsageTotal.of("m", rows), [UsageTotal.of("m", rows[:cut]), UsageTotal.of("m", rows[cut:])]
    for name in ("calls", "failed", "from_cache", "tokens_in", "tokens_out", "tokens_cached", "cost", "latency_ms"):
        assert getattr(whole, name) == sum(getattr(part, name) for part in parts)
    assert whole.failed == outcomes.count("llm_unavailable")
