from datetime import date

import pytest

from subscriptions import PlanChange, period


@pytest.fixture
def upgraded(ada):
    ada.change_plan("team", on=date(2025, 4, 16))
    return ada


@pytest.mark.parametrize(("day", "plan"), [(1, "basic"), (15, "basic"), (17, "team"), (30, "team")])
def test_the_plan_of_a_day(upgraded, day, plan):
    assert upgraded.plan_on(date(2025, 4, day)) == plan


def test_a_change_applies_from_its_first_day(upgraded):
    assert upgraded.plan_on(date(2025, 4, 16)) == "team"


def test_the_last_change_counts(upgraded):
    upgraded.change_plan("basic", on=date(2025, 4, 20))
    assert upgraded.plan_on(date(2025, 4, 25)) == "basic"


def test_changes_within_a_period(upgraded):
    assert upgraded.changes_within(period(upgraded.started_on, 0)) == [PlanChange(date(2025, 4, 16), "team")]
    assert upgraded.changes_within(period(upgraded.started_on, 1)) == []


def test_changes_are_made_in_order(upgraded):
    with pytest.raises(ValueError, match="later change"):
        upgraded.change_plan("basic", on=date(2025, 4, 10))
    with pytest.raises(ValueError, match="before the subscription"):
        upgraded.change_plan("basic", on=date(2025, 3, 31))
