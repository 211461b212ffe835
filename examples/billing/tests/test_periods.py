from datetime import date
from fractions import Fraction

import pytest

from subscriptions import Period, period

APRIL = Period(date(2025, 4, 1), date(2025, 5, 1))


@pytest.mark.parametrize(
    ("number", "start"),
    [
        (0, (2025, 1, 31)),
        (1, (2025, 2, 28)),
        (2, (2025, 3, 31)),
        (3, (2025, 4, 30)),
        (11, (2025, 12, 31)),
        (12, (2026, 1, 31)),
    ],
)
def test_the_31st_comes_back_after_shorter_months(number, start):
    assert period(date(2025, 1, 31), number).start == date(*start)


def test_one_period_ends_where_the_next_starts():
    started_on = date(2024, 1, 30)
    for number in range(24):
        assert period(started_on, number).end == period(started_on, number + 1).start


@pytest.mark.parametrize("day", [date(2025, 4, 1), date(2025, 4, 15), date(2025, 4, 30)])
def test_days_of_a_period(day):
    assert day in APRIL


@pytest.mark.parametrize("day", [date(2025, 3, 31), date(2025, 5, 2)])
def test_days_of_other_periods(day):
    assert day not in APRIL


def test_the_renewal_day_belongs_to_the_next_period():
    assert APRIL.end not in APRIL


@pytest.mark.parametrize(("day", "unused"), [(1, Fraction(1)), (16, Fraction(1, 2)), (30, Fraction(1, 30))])
def test_unused_part(day, unused):
    assert APRIL.unused(date(2025, 4, day)) == unused


def test_a_period_has_a_length():
    assert APRIL.days == 30
    with pytest.raises(ValueError, match="after it starts"):
        Period(date(2025, 4, 1), date(2025, 4, 1))
