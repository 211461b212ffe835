"""The spans of time that usage is asked for."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from models.wrappers import RoutingDecision, UsageTotal
from service.usage import COLUMNS, merged, metered, period, table, without_formula

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


@given(
    st.lists(
        st.builds(UsageTotal, name=st.sampled_from("abc"), calls=st.integers(0, 9), cost=st.decimals(0, 9, places=4))
    )
)
def test_totals_of_one_name_become_one_and_nothing_is_lost(totals: list[UsageTotal]) -> None:
    one_each = merged(totals)
    assert [each.name for each in one_each] == [
        each.name for each in sorted(one_each, key=lambda each: (-each.calls, each.name))
    ]
    assert {each.name for each in one_each} == {each.name for each in totals}
    assert len(one_each) == len({each.name for each in one_each})
    for each in one_each:
        of_it = [total for total in totals if total.name == each.name]
        assert each.calls == sum(total.calls for total in of_it)
        assert each.cost == sum((total.cost for total in of_it), Decimal(0))


def test_a_meter_hears_of_the_customer_who_pays() -> None:
    call = RoutingDecision(at=NOW, org="acme", choice="m", tokens_in=10, tokens_out=5)
    mine, named = metered(1, call, "acme"), metered(1, call, "cus_1")
    assert {event["payload"]["stripe_customer_id"] for event in named} == {"cus_1"}
    assert [event["identifier"] for event in named] == [event["identifier"] for event in mine]
