"""The whole warehouse: shelves, what lies on them, and what is promised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date

from stockroom.errors import NotEnoughStock, UnknownSku
from stockroom.ledger import Ledger
from stockroom.money import Money
from stockroom.promises import Promise, Promises
from stockroom.shelf import Shelf


class Warehouse:
    """Receives, promises and issues articles. ``today`` is asked whenever a date matters."""

    def __init__(self, today: Callable[[], date] = date.today) -> None:
        self._today = today
        self._shelves: dict[str, Shelf] = {}
        self._ledgers: dict[str, Ledger] = {}
        self._promises: dict[str, Promises] = {}

    def __iter__(self) -> Iterator[Shelf]:
        return iter(sorted(self._shelves.values(), key=lambda shelf: shelf.sku))

    def open(self, shelf: Shelf) -> None:
        """Make room for an article, or change when it is reordered."""
        self._shelves[shelf.sku] = shelf
        self._ledgers.setdefault(shelf.sku, Ledger(shelf.sku))
        self._promises.setdefault(shelf.sku, Promises())

    def receive(self, sku: str, quantity: int, *, unit_cost: Money) -> None:
        self._ledger(sku).receive(quantity, unit_cost)

    def promise(self, sku: str, quantity: int, *, order: str, until: date) -> None:
        """Keep pieces back for an order."""
        free = self.available(sku)
        if quantity > free:
            raise NotEnoughStock(sku, wanted=quantity, available=free)
        self._promises[sku].make(Promise(order, quantity, until))

    def issue(self, sku: str, quantity: int, *, order: str | None = None) -> Money:
        """Hand pieces out and say what they had cost; an order may use what it was promised."""
        ledger, promises = self._ledger(sku), self._promises[sku]
        free = self.available(sku)
        if order:
            free += promises.promised_to(order, self._today())
        if quantity > free:
            raise NotEnoughStock(sku, wanted=quantity, available=free)
        if order:
            promises.keep(order)
        return ledger.issue(quantity)

    def on_hand(self, sku: str) -> int:
        return self._ledger(sku).on_hand

    def promised(self, sku: str) -> int:
        self._ledger(sku)
        return self._promises[sku].promised(self._today())

    def available(self, sku: str) -> int:
        """On the shelf and not promised to anybody."""
        return self.on_hand(sku) - self.promised(sku)

    def value(self, sku: str | None = None) -> Money:
        """What the stock of one article, or of the whole warehouse, was bought for."""
        if sku is not None:
            return self._ledger(sku).value
        return sum((ledger.value for ledger in self._ledgers.values()), Money.zero())

    def to_order(self) -> dict[str, int]:
        """Articles that are running low, and how many pieces to order."""
        wanted = {shelf.sku: shelf.to_order(self.available(shelf.sku)) for shelf in self}
        return {sku: quantity for sku, quantity in wanted.items() if quantity}

    def _ledger(self, sku: str) -> Ledger:
        try:
            return self._ledgers[sku]
        except KeyError:
            raise UnknownSku(sku) from None
