from decimal import Decimal

import pytest

from stockroom import Money


@pytest.mark.parametrize(
    ("given", "kept"),
    [("1", "1.00"), ("0.125", "0.12"), ("0.135", "0.14"), (3, "3.00"), (Decimal("-2.5"), "-2.50")],
)
def test_amounts_are_kept_to_the_cent(given, kept):
    assert Money(given).amount == Decimal(kept)


def test_arithmetic():
    assert Money("1.10") + Money("2.20") == Money("3.30")
    assert Money("1.00") - Money("0.01") == Money("0.99")
    assert Money("0.15") * 3 == 3 * Money("0.15") == Money("0.45")


def test_order_and_text():
    assert Money("9.99") < Money("10.00")
    assert str(Money("1234567.8")) == "1,234,567.80"
