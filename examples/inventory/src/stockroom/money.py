"""Amounts of one currency, exact to the cent."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

CENT = Decimal("0.01")


@dataclass(frozen=True, order=True)
class Money:
    """An amount, kept to the cent with banker's rounding."""

    amount: Decimal

    def __init__(self, amount: Decimal | int | str) -> None:
        exact = Decimal(amount).quantize(CENT, rounding=ROUND_HALF_EVEN)
        object.__setattr__(self, "amount", exact)

    @classmethod
    def zero(cls) -> Money:
        return cls(0)

    def __add__(self, other: Money) -> Money:
        return Money(self.amount + other.amount)

    def __sub__(self, other: Money) -> Money:
        return Money(self.amount - other.amount)

    def __mul__(self, factor: int | Decimal) -> Money:
        return Money(self.amount * factor)

    __rmul__ = __mul__

    def __str__(self) -> str:
        return f"{self.amount:,.2f}"
