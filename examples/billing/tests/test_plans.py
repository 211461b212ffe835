import pytest

from subscriptions import Coupon, Money, UnknownPlan


@pytest.mark.parametrize(("calls", "price"), [(0, "0.00"), (1_000, "0.00"), (1_001, "0.01"), (1_250, "2.50")])
def test_calls_beyond_those_included_cost_extra(catalogue, calls, price):
    assert catalogue["basic"].overage(calls) == Money(price)


def test_an_unknown_plan_names_those_on_offer(catalogue):
    with pytest.raises(UnknownPlan, match="basic, team"):
        catalogue["gold"]


@pytest.mark.parametrize(("number", "discount"), [(0, "5.00"), (2, "5.00"), (3, "0.00")])
def test_a_coupon_runs_out(number, discount):
    assert Coupon("SPRING", percent=25, periods=3).discount(Money("20.00"), number) == Money(discount)


@pytest.mark.parametrize("percent", [0, 101])
def test_a_coupon_must_make_sense(percent):
    with pytest.raises(ValueError, match="percent"):
        Coupon("ODD", percent=percent)
