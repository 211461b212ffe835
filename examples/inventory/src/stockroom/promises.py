"""Pieces that are still on the shelf but already promised to a customer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Promise:
    """``quantity`` pieces kept for ``order`` until the end of the day ``until``."""

    order: str
    quantity: int
    until: date

    def holds(self, today: date) -> bool:
        return today <= self.until


class Promises:
    """All promises on one article."""

    def __init__(self) -> None:
        self._by_order: dict[str, Promise] = {}

    def __len__(self) -> int:
        return len(self._by_order)

    def make(self, promise: Promise) -> None:
        """Keep pieces back; an order that asks again replaces its earlier promise."""
        self._by_order[promise.order] = promise

    def keep(self, order: str) -> None:
        """The order is being shipped: its promise has served its purpose."""
        self._by_order.pop(order, None)

    def promised(self, today: date) -> int:
        """Pieces that may not be given to anybody else today."""
        return sum(p.quantity for p in self._by_order.values() if p.holds(today))

    def promised_to(self, order: str, today: date) -> int:
        """The part of them that this order may have."""
        promise = self._by_order.get(order)
        return promise.quantity if promise and promise.holds(today) else 0

    def forget_expired(self, today: date) -> list[Promise]:
        """Drop promises whose day has passed, and return them."""
        expired = [p for p in self._by_order.values() if not p.holds(today)]
        for promise in expired:
            del self._by_order[promise.order]
        return expired
