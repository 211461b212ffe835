"""What a right fix of examples/billing does, beyond the tests that the example shows."""

from datetime import date, timedelta

import pytest

from subscriptions import Catalogue, Coupon, Money, Plan, Subscription, invoice, period

STARTS = [date(2024, 1, 31), date(2024, 2, 29), date(2025, 4, 1), date(2025, 12, 15)]
CATALOGUE = Catalogue([Plan("basic", Money("20.00"), 0, Money("1.00")), Plan("team", Money("50.00"), 0, Money("1.00"))])


@pytest.mark.parametrize("started_on", STARTS)
def test_every_day_lies_in_exactly_one_period(started_on):
    periods = [period(started_on, number) for number in range(15)]
    for offset in range(400):
        day = started_on + timedelta(days=offset)
        assert sum(day in each for each in periods) == 1


@pytest.mark.parametrize("started_on", STARTS)
def test_usage_is_billed_once_wherever_it_falls(started_on):
    customer = Subscription("ada", "basic", started_on)
    for offset in range(120):
        customer.record(started_on + timedelta(days=offset), calls=1)
    plans = sum((invoice(customer, CATALOGUE, number).total for number in range(6)), Money.zero())
    assert plans - Money("120.00") == Money("120.00")


@pytest.mark.parametrize("started_on", STARTS)
@pytest.mark.parametrize("number", [1, 2, 11])
def test_a_change_on_a_renewal_day_is_never_prorated(started_on, number):
    customer = Subscription("ada", "basic", started_on)
    customer.change_plan("team", on=period(started_on, number).start)
    totals = [invoice(customer, CATALOGUE, each).total for each in range(number + 2)]
    assert totals == [Money("20.00")] * number + [Money("50.00")] * 2


def test_a_change_on_the_first_day_replaces_the_plan():
    customer = Subscription("ada", "basic", date(2025, 4, 1), coupon=Coupon("HALF", percent=50))
    customer.change_plan("team", on=date(2025, 4, 1))
    assert invoice(customer, CATALOGUE, 0).total == Money("25.00")


def test_two_changes_on_one_day():
    customer = Subscription("ada", "basic", date(2025, 4, 1))
    customer.change_plan("team", on=date(2025, 4, 16))
    customer.change_plan("basic", on=date(2025, 4, 16))
    assert customer.plan_on(date(2025, 4, 16)) == "basic"
    assert invoice(customer, CATALOGUE, 0).total == Money("20.00")
