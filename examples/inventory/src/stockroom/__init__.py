"""Stock levels, first-in-first-out costs and reorder advice for a small warehouse."""

from stockroom.errors import NotEnoughStock, StockroomError, UnknownSku
from stockroom.ledger import Ledger, Lot
from stockroom.money import Money
from stockroom.promises import Promise, Promises
from stockroom.shelf import Shelf
from stockroom.warehouse import Warehouse

__all__ = [
    "Ledger",
    "Lot",
    "Money",
    "NotEnoughStock",
    "Promise",
    "Promises",
    "Shelf",
    "StockroomError",
    "UnknownSku",
    "Warehouse",
]
