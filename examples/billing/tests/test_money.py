from fractions import Fraction

import pytest

from subscriptions import Money


@pytest.mark.parametrize(
    ("exact", "paper"), [("0.004", "0.00"), ("0.005", "0.01"), ("-0.005", "-0.01"), ("1", "1.00")]
)
def test_rounding_as_on_paper(exact, paper):
    assert Money(exact).rounded() == Money(paper)


def test_fractions_are_exact_until_rounded():
    third = Money("10.00") * Fraction(1, 3)
    assert (third + third + third).rounded() == Money("10.00")


def test_text():
    assert str(Money("1234.5")) == "1,234.50"
    assert not Money.zero()
