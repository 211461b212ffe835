from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Budget, Exhausted, Plan, SignoffError, Spent, Unavailable, Unreadable
from models import Message, ModelSettings, Question, Usage
from models.contract import Price
from models.wrappers.limits import Amount, Budgeted, BudgetLedger
from tests.unit.models.flaky import ASK, SETTINGS, Flaky

PRICE = Price(per_1k_in=Decimal("0.5"), per_1k_out=Decimal(2))


async def ask(model, settings=SETTINGS, messages=ASK):
    return await model.ask(Question(messages, Plan, settings=settings))


async def test_nothing_is_sent_when_the_worst_case_does_not_fit():
    flaky = Flaky()
    model = Budgeted(model=flaky, ledger=BudgetLedger(Budget(max_tokens=250)))
    with pytest.raises(Exhausted, match="tokens") as caught:
        await ask(model)
    assert flaky.calls == 0
    assert caught.value.hint


async def test_money_counts_too():
    ledger = BudgetLedger(Budget(max_cost=Decimal("0.1")))
    with pytest.raises(Exhausted, match="cost"):
        await ask(Budgeted(model=Flaky(), ledger=ledger, price=PRICE))


async def test_what_was_used_is_booked_and_the_rest_given_back():
    usage = Usage(tokens_in=10, tokens_out=5, cost=Decimal("0.01"), calls=1)
    ledger = BudgetLedger.of(Budget(), Spent(tokens_in=100, cost=Decimal(1)))
    await ask(Budgeted(model=Flaky(usage=usage), ledger=ledger))
    assert ledger.spent == Amount(tokens=115, cost=Decimal("1.01"))
    assert ledger.reserved == Amount()


@pytest.mark.parametrize(("pays", "booked"), [(False, 0), (True, 15)])
@pytest.mark.parametrize("error", [Unavailable("down"), Unreadable("garbage")])
async def test_a_failure_is_booked_with_what_it_used(error, pays, booked):
    ledger = BudgetLedger(Budget())
    with pytest.raises(SignoffError):
        await ask(Budgeted(model=Flaky([error], pays=pays), ledger=ledger))
    assert ledger.spent.tokens == booked
    assert ledger.reserved == Amount()


@given(
    st.integers(0, 5_000),
    st.lists(
        st.tuples(st.integers(0, 600), st.integers(1, 200), st.sampled_from([None, Unavailable("x"), Unreadable("y")]))
    ),
)
async def test_a_budget_is_never_exceeded(limit, calls):
    """Whatever comes back, as long as an endpoint keeps to max_tokens and reads what it was sent, twice at most."""
    ledger = BudgetLedger(Budget(max_tokens=limit))
    for size, most, mood in calls:
        usage = Usage(tokens_in=2 * (size // 3), tokens_out=2 * most, calls=2)
        model = Budgeted(model=Flaky([mood], usage=usage, pays=True), ledger=ledger)
        with suppress(SignoffError):
            await ask(model, ModelSettings(max_tokens=most), (Message(role="user", content="x" * size),))
        assert ledger.spent.tokens <= limit
        assert ledger.reserved.tokens == 0
