"""Who subscribed to what, and what changed since."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from subscriptions.coupons import Coupon
from subscriptions.periods import Period
from subscriptions.usage import Meter, Reading


@dataclass(frozen=True)
class PlanChange:
    """From ``on``, the whole day included, the customer has ``plan``."""

    on: date
    plan: str


@dataclass
class Subscription:
    customer: str
    plan: str
    started_on: date
    coupon: Coupon | None = None
    meter: Meter = field(default_factory=Meter)
    changes: list[PlanChange] = field(default_factory=list)

    def change_plan(self, plan: str, *, on: date) -> None:
        """Switch to another plan. Changes are made in the order of their days."""
        if on < self.started_on:
            raise ValueError("a plan cannot change before the subscription starts")
        if self.changes and on < self.changes[-1].on:
            raise ValueError("a later change has been made already")
        self.changes.append(PlanChange(on, plan))

    def record(self, day: date, *, calls: int) -> None:
        self.meter.record(Reading(day, calls))

    def plan_on(self, day: date) -> str:
        """The plan the customer has on this day."""
        current = self.plan
        for change in self.changes:
            if change.on < day:
                current = change.plan
        return current

    def changes_within(self, period: Period) -> list[PlanChange]:
        """Changes in the middle of a period. One on its first day changes nothing that was paid for."""
        return [change for change in self.changes if change.on in period and change.on != period.start]
