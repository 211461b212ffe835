"""The spans of time that usage is asked for."""

from datetime import UTC, datetime, timedelta

import pytest

from domain import Refused
from models.wrappers import RoutingDecision
from service.usage import COLUMNS, metered, period, table, without_formula

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


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@sum", "\t=1", "\r=1"])
def test_a_spreadsheet_calculates_no_name(name: str) -> None:
    assert without_formula(name) == f"'{name}"
    assert "'" in table([{**dict.fromkeys(COLUMNS, 0), "name": name}]).splitlines()[1]


def test_other_names_stay_as_they_are() -> None:
    assert [without_formula(name) for name in ("", "ann", "a=b", "'x")] == ["", "ann", "a=b", "'x"]


def test_a_meter_hears_of_the_customer_who_pays() -> None:
    call = RoutingDecision(at=NOW, org="acme", choice="m", tokens_in=10, tokens_out=5)
    mine, named = metered(1, call, "acme"), metered(1, call, "cus_1")
    assert {event["payload"]["stripe_customer_id"] for event in named} == {"cus_1"}
    assert [event["identifier"] for event in named] == [event["identifier"] for event in mine]
