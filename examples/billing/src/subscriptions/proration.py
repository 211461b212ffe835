"""Changing the plan in the middle of a period."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from subscriptions.money import Money
from subscriptions.periods import Period
from subscriptions.plans import Plan


@dataclass(frozen=True)
class Proration:
    """What goes back for the old plan, and what the new one costs until the period ends."""

    credit: Money
    charge: Money


def prorate(old: Plan, new: Plan, period: Period, day: date) -> Proration:
    """Split the period at the start of ``day``."""
    unused = period.unused(day)
    return Proration(credit=old.monthly * unused, charge=new.monthly * unused)
