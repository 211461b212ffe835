"""What one article cost: lots in the order they came in, taken first in, first out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from stockroom.errors import NotEnoughStock
from stockroom.money import Money


@dataclass(frozen=True)
class Lot:
    """Pieces that came in together, at one price."""

    quantity: int
    unit_cost: Money

    def __post_init__(self) -> None:
        if self.quantity < 1:
            raise ValueError("a lot holds at least one piece")

    @property
    def value(self) -> Money:
        return self.unit_cost * self.quantity


class Ledger:
    """The lots of one article, oldest first."""

    def __init__(self, sku: str, lots: Iterable[Lot] = ()) -> None:
        self.sku = sku
        self.issued = 0
        """Pieces handed out so far."""
        self._lots = list(lots)

    def __iter__(self) -> Iterator[Lot]:
        return iter(self._lots)

    @property
    def on_hand(self) -> int:
        return sum(lot.quantity for lot in self._lots)

    @property
    def value(self) -> Money:
        """What everything on the shelf was bought for."""
        return sum((lot.value for lot in self._lots), Money.zero())

    def receive(self, quantity: int, unit_cost: Money) -> None:
        """Put a new lot behind the others."""
        self._lots.append(Lot(quantity, unit_cost))

    def issue(self, quantity: int) -> Money:
        """Take ``quantity`` pieces, oldest lots first, and say what they had cost."""
        if quantity > self.on_hand:
            raise NotEnoughStock(self.sku, wanted=quantity, available=self.on_hand)
        cost = Money.zero()
        remaining = quantity
        kept: list[Lot] = []
        for lot in self._lots:
            taken = min(lot.quantity, quantity)
            cost += lot.unit_cost * taken
            remaining -= taken
            if taken < lot.quantity:
                kept.append(replace(lot, quantity=lot.quantity - taken))
        self._lots = kept
        self.issued += quantity
        return cost
