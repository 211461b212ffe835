"""Discounts on the plan for the first few periods."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from subscriptions.money import Money


@dataclass(frozen=True)
class Coupon:
    """``percent`` off the plan for the first ``periods`` periods."""

    code: str
    percent: int
    periods: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.percent <= 100:
            raise ValueError("a coupon takes off 1 to 100 percent")

    def discount(self, price: Money, number: int) -> Money:
        """What comes off ``price`` in period ``number``, counted from 0."""
        if number >= self.periods:
            return Money.zero()
        return price * Fraction(self.percent, 100)
