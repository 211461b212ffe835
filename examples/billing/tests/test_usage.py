from datetime import date

import pytest

from subscriptions import Meter, Reading, period


@pytest.fixture
def meter():
    meter = Meter()
    for day, calls in [(date(2025, 4, 1), 100), (date(2025, 4, 30), 20), (date(2025, 5, 2), 3)]:
        meter.record(Reading(day, calls))
    return meter


@pytest.mark.parametrize(("number", "calls"), [(0, 120), (1, 3), (2, 0)])
def test_calls_of_a_period(meter, number, calls):
    assert meter.calls(period(date(2025, 4, 1), number)) == calls


def test_no_call_is_billed_twice(meter):
    meter.record(Reading(date(2025, 5, 1), 4_000))
    billed = sum(meter.calls(period(date(2025, 4, 1), number)) for number in range(6))
    assert billed == 4_123


def test_calls_cannot_be_taken_back(meter):
    with pytest.raises(ValueError, match="taken back"):
        meter.record(Reading(date(2025, 4, 1), -1))
