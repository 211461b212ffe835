"""Plans of a file, months, and the plan that holds."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from domain import Refused
from service.plans.payments import PaidSubscription, current_plan
from service.plans.plans import BillingPlan, PaymentSettings, PlanFile, PlanLimit, begins, load_plans, month_of, renews

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
FILE = PlanFile(
    default="free",
    plans={"free": BillingPlan(runs=PlanLimit(hard=10)), "team": BillingPlan(), "late": BillingPlan()},
    payments={"stripe": PaymentSettings(secrets=("whsec_" + "a" * 20,), grace_days=10, unpaid_plan="late")},
)
MOMENTS = st.integers(0, 8_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@given(MOMENTS)
def test_every_moment_is_in_one_month(at: datetime) -> None:
    month = month_of(at)
    assert begins(month) <= at < renews(month)
    assert month_of(renews(month)) != month
    assert month_of(renews(month) - timedelta(microseconds=1)) == month


def test_a_month_is_counted_in_utc() -> None:
    assert month_of(datetime(2026, 12, 1, 1, tzinfo=UTC).astimezone(tz=None)) == "2026-12"
    assert renews("2026-12") == datetime(2027, 1, 1, tzinfo=UTC)


@given(st.integers(0, 10**12), st.floats(0.01, 1), st.integers(0, 10**12))
def test_people_are_warned_before_or_when_nothing_more_is_begun(hard: int, warn_at: float, used: int) -> None:
    limit = BillingPlan(tokens=PlanLimit(hard=hard), warn_at=warn_at).limit("tokens")
    assert limit.soft is None or limit.soft <= hard
    assert (limit.level(used) == "hard") == (used >= hard)
    assert (limit.share(used) or 0) >= 1 or used < hard


def test_a_file_says_limits_as_numbers_or_with_both_ends(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("whsec_0123456789abcdef\n")
    (tmp_path / "plans.yaml").write_text("""
default: free
plans:
  free: {runs: 10, seats: {soft: 2, hard: 3}}
  team: {tokens: {soft: 1000}}
payments:
  stripe: {secrets: ["file:secret"], prices: {price_1: team}}
""")
    file = load_plans(tmp_path / "plans.yaml")
    assert file.plans["free"].limit("runs") == PlanLimit(soft=8, hard=10)
    assert file.plans["free"].limit("seats") == PlanLimit(soft=2, hard=3)
    assert file.plans["team"].limit("tokens") == PlanLimit(soft=1000)
    assert file.plans["team"].limit("runs") == PlanLimit()
    assert file.secrets == ("whsec_0123456789abcdef",)
    assert "0123456789" not in repr(file)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "default: free",
        "default: none\nplans: {free: {}}",
        "default: free\nplans: {free: {runs: -1}}",
        "default: free\nplans: {free: {runs: true}}",
        "default: free\nplans: {free: {runs: {soft: 5, hard: 4}}}",
        "default: free\nplans: {free: {warn_at: 0}}",
        "default: free\nplans: {free: {run: 5}}",
        "default: free\nplans: {'a b': {}, free: {}}",
        "default: free\nplans: {free: {}}\npayments: {paypal: {secrets: ['0123456789abcdef']}}",
        "default: free\nplans: {free: {}}\npayments: {stripe: {secrets: [short]}}",
        "default: free\nplans: {free: {}}\npayments: {stripe: {secrets: ['0123456789abcdef'], prices: {p: gone}}}",
        "default: free\nplans: {free: {}}\npayments: {stripe: {secrets: ['0123456789abcdef'], unpaid_plan: gone}}",
        "[",
    ],
)
def test_a_file_that_makes_no_sense_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "plans.yaml"
    path.write_text(text)
    with pytest.raises(Refused) as caught:
        load_plans(path)
    assert caught.value.stable_code == "plans_invalid"
    assert "0123456789abcdef" not in caught.value.message


def test_a_limit_that_is_no_number_is_none() -> None:
    with pytest.raises(ValidationError):
        BillingPlan(runs="many")  # pyright: ignore[reportArgumentType]


PAID = PaidSubscription(
    provider="stripe", id="sub_1", customer="cus_1", org="acme", plan="team", plan_at=NOW, paid_at=NOW
)


def test_an_administrators_choice_comes_before_what_is_paid_for_and_that_before_the_default() -> None:
    def holds(chosen: str, *subscriptions: PaidSubscription) -> tuple[str, str]:
        current = current_plan(FILE, chosen=chosen, subscriptions=subscriptions, now=NOW)
        return current.name, current.because

    assert holds("") == ("free", "default")
    assert holds("", PAID) == ("team", "subscription")
    assert holds("late", PAID) == ("late", "administrator")
    ended = PaidSubscription(**{**fields(PAID), "ended_at": NOW})
    assert holds("", ended) == ("free", "default")
    assert holds("", ended, PAID) == ("team", "subscription")
    unpaid = PaidSubscription(**{**fields(PAID), "paid_at": None})
    assert holds("", unpaid) == ("free", "default")


def fields(subscription: PaidSubscription) -> dict[str, object]:
    return {name: getattr(subscription, name) for name in PaidSubscription.__dataclass_fields__}


def test_a_plan_goes_on_for_the_days_of_grace_after_a_payment_failed() -> None:
    failed = NOW + timedelta(days=30)
    failing = PaidSubscription(**{**fields(PAID), "failures": (failed, failed + timedelta(days=3))})
    until = failed + timedelta(days=10)

    def at(now: datetime) -> tuple[str, str, datetime | None]:
        current = current_plan(FILE, chosen="", subscriptions=(failing,), now=now)
        return current.name, current.because, current.grace_until

    assert at(failed) == ("team", "grace", until)
    assert at(until - timedelta(seconds=1)) == ("team", "grace", until)
    assert at(until) == ("late", "unpaid", None)


def test_a_plan_that_the_file_has_no_more_is_the_default_and_says_so() -> None:
    current = current_plan(FILE, chosen="gone", subscriptions=(), now=NOW)
    assert (current.name, current.because, current.missing) == ("free", "default", "gone")
