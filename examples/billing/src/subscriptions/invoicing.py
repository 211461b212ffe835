"""What a customer owes for one period."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from subscriptions.money import Money
from subscriptions.periods import Period
from subscriptions.periods import period as nth_period
from subscriptions.plans import Catalogue
from subscriptions.proration import prorate
from subscriptions.subscription import Subscription


@dataclass(frozen=True)
class Line:
    """One line of an invoice, rounded to the cent; credits are negative."""

    text: str
    amount: Money


@dataclass(frozen=True)
class Invoice:
    customer: str
    period: Period
    lines: tuple[Line, ...]

    @property
    def total(self) -> Money:
        return sum((line.amount for line in self.lines), Money.zero())


def invoice(subscription: Subscription, catalogue: Catalogue, number: int) -> Invoice:
    """The invoice for period ``number``, counted from 0: plan, coupon, plan changes, usage."""
    period = nth_period(subscription.started_on, number)
    lines = [
        *_plan(subscription, catalogue, period, number),
        *_changes(subscription, catalogue, period),
        *_usage(subscription, catalogue, period),
    ]
    return Invoice(subscription.customer, period, tuple(lines))


def _plan(subscription: Subscription, catalogue: Catalogue, period: Period, number: int) -> Iterator[Line]:
    plan = catalogue[subscription.plan_on(period.start)]
    yield Line(f"Plan {plan.name}", plan.monthly.rounded())
    coupon = subscription.coupon
    if coupon and (discount := coupon.discount(plan.monthly, number)):
        yield Line(f"Coupon {coupon.code}", (-discount).rounded())


def _changes(subscription: Subscription, catalogue: Catalogue, period: Period) -> Iterator[Line]:
    old = catalogue[subscription.plan_on(period.start)]
    for change in subscription.changes_within(period):
        new = catalogue[change.plan]
        split = prorate(old, new, period, change.on)
        yield Line(f"Unused time on {old.name}", (-split.credit).rounded())
        yield Line(f"Remaining time on {new.name}", split.charge.rounded())
        old = new


def _usage(subscription: Subscription, catalogue: Catalogue, period: Period) -> Iterator[Line]:
    """Calls are charged by the plan that the period ends with."""
    plan = catalogue[subscription.plan_on(period.end - timedelta(days=1))]
    calls = subscription.meter.calls(period)
    if overage := plan.overage(calls).rounded():
        yield Line(f"{calls - plan.included_calls:,} calls over {plan.included_calls:,}", overage)
