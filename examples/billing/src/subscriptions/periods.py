"""Billing periods: from one renewal day to the next."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date
from fractions import Fraction


@dataclass(frozen=True)
class Period:
    """The days from ``start`` up to ``end``, the next renewal day."""

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError("a period ends after it starts")

    def __contains__(self, day: date) -> bool:
        return self.start <= day <= self.end

    @property
    def days(self) -> int:
        return (self.end - self.start).days

    def unused(self, day: date) -> Fraction:
        """The part of the period that is left at the start of ``day``."""
        if day not in self:
            raise ValueError(f"{day} is not in this period")
        return Fraction((self.end - day).days, self.days)


def renewal(started_on: date, number: int) -> date:
    """The ``number``-th renewal day. The 31st falls on the last day of a shorter month, and comes back."""
    months = started_on.month - 1 + number
    year, month = started_on.year + months // 12, months % 12 + 1
    last = calendar.monthrange(year, month)[1]
    return date(year, month, min(started_on.day, last))


def period(started_on: date, number: int) -> Period:
    """The ``number``-th period of a subscription, counted from 0."""
    return Period(renewal(started_on, number), renewal(started_on, number + 1))
