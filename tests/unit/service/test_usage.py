"""The spans of time that usage is asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from domain import Refused
from service.usage import period

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def test_a_span_of_time_is_counted_back_from_now() -> None:
    assert period("24h", None, now=NOW).since == NOW - timedelta(days=1)
    assert period("2w", "2026-11-20", now=NOW).until == datetime(2026, 11, 20, tzinfo=UTC)
    assert period(None, "", now=NOW) == period(None, None, now=NOW)


@pytest.mark.parametrize("text", ["999999d", "999999w", "0001-01-01T00:00:00+14:00", "yesterday", "h"])
def test_a_time_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(Refused) as caught:
        period(text, None, now=NOW)
    assert caught.value.stable_code == "option_invalid"
