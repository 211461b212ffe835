"""When a schedule ticks: always later, at the wall clock's time, once a day however the clocks are changed."""

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from service.storage.crons import next_tick

MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2036, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"])


@given(MOMENTS, ZONES, st.integers(0, 59), st.integers(0, 23))
def test_a_daily_tick_comes_once_a_day_at_its_hour(now: datetime, zone: str, minute: int, hour: int) -> None:
    days, at = [], now
    for _ in range(4):
        following = next_tick(f"{minute} {hour} * * *", zone, at)
        assert following is not None
        assert following > at
        at = following
        here = at.astimezone(ZoneInfo(zone))
        days.append(here.date())
        left_out = abs(here.replace(tzinfo=None) - here.replace(tzinfo=None, hour=hour, minute=minute)) <= timedelta(
            hours=1
        )
        assert (here.hour, here.minute) == (hour, minute) or left_out
    assert [later - earlier for earlier, later in itertools.pairwise(days)] == [timedelta(days=1)] * 3


@pytest.mark.parametrize(
    ("schedule", "now", "hours"),
    [
        ("30 2 * * *", "2026-10-24T12:00+00:00", ["2026-10-25T00:30+00:00", "2026-10-26T01:30+00:00"]),
        ("30 2 * * *", "2026-03-28T12:00+00:00", ["2026-03-29T01:00+00:00", "2026-03-30T00:30+00:00"]),
        ("0 * * * *", "2026-10-24T23:30+00:00", ["2026-10-25T00:00+00:00", "2026-10-25T01:00+00:00"]),
    ],
)
def test_clocks_that_are_changed(schedule: str, now: str, hours: list[str]) -> None:
    at: datetime | None = datetime.fromisoformat(now)
    for hour in hours:
        assert at is not None
        at = next_tick(schedule, "Europe/Berlin", at)
        assert at == datetime.fromisoformat(hour)


def test_a_day_that_never_comes_has_no_tick() -> None:
    assert next_tick("0 0 31 2 *", None, datetime(2026, 1, 1, tzinfo=UTC)) is None


@given(st.text(max_size=30), st.text(max_size=20))
def test_what_is_no_schedule_is_refused(schedule: str, zone: str) -> None:
    codes = {"request_invalid"}
    try:
        next_tick(schedule, zone or None, datetime(2026, 1, 1, tzinfo=UTC))
    except Refused as no:
        codes.add(no.stable_code)
    assert codes == {"request_invalid"}
