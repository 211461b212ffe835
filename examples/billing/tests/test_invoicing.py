from datetime import date

import pytest

from subscriptions import Coupon, Line, Money, invoice, render


def lines(of):
    return [(line.text, str(line.amount)) for line in of.lines]


def test_a_plain_month(ada, catalogue):
    assert invoice(ada, catalogue, 0).lines == (Line("Plan basic", Money("20.00")),)


def test_an_upgrade_in_the_middle_of_a_month(ada, catalogue):
    ada.change_plan("team", on=date(2025, 4, 16))
    april = invoice(ada, catalogue, 0)
    assert lines(april) == [
        ("Plan basic", "20.00"),
        ("Unused time on basic", "-10.00"),
        ("Remaining time on team", "25.00"),
    ]
    assert april.total == Money("35.00")
    assert invoice(ada, catalogue, 1).total == Money("50.00")


def test_an_upgrade_on_the_renewal_day(ada, catalogue):
    ada.change_plan("team", on=date(2025, 5, 1))
    assert lines(invoice(ada, catalogue, 0)) == [("Plan basic", "20.00")]
    assert lines(invoice(ada, catalogue, 1)) == [("Plan team", "50.00")]


def test_a_coupon_comes_off_the_plan(ada, catalogue):
    ada.coupon = Coupon("SPRING", percent=25)
    ada.record(date(2025, 4, 3), calls=1_100)
    assert lines(invoice(ada, catalogue, 0)) == [
        ("Plan basic", "20.00"),
        ("Coupon SPRING", "-5.00"),
        ("100 calls over 1,000", "1.00"),
    ]
    assert invoice(ada, catalogue, 1).total == Money("20.00")


@pytest.mark.parametrize(("calls", "total"), [(10_000, "35.00"), (10_200, "36.00")])
def test_usage_is_charged_by_the_plan_at_the_end(ada, catalogue, calls, total):
    ada.change_plan("team", on=date(2025, 4, 16))
    ada.record(date(2025, 4, 2), calls=calls)
    assert invoice(ada, catalogue, 0).total == Money(total)


def test_render(ada, catalogue):
    ada.record(date(2025, 4, 3), calls=1_100)
    assert render(invoice(ada, catalogue, 0)).splitlines() == [
        "ada  2025-04-01 until 2025-05-01",
        "Plan basic                                 20.00",
        "100 calls over 1,000                        1.00",
        "Total                                      21.00",
    ]
