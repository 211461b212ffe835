"""Movements as lines of CSV: ``open``, ``receive``, ``promise`` and ``issue``."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import date

from stockroom.errors import StockroomError
from stockroom.money import Money
from stockroom.shelf import Shelf
from stockroom.warehouse import Warehouse


class BadLine(StockroomError):
    """A line that is no movement."""

    def __init__(self, number: int, why: str) -> None:
        super().__init__(f"line {number}: {why}")
        self.number = number


def replay(lines: Iterable[str], warehouse: Warehouse) -> int:
    """Carry out every movement, in order; returns how many there were. ``#`` starts a comment."""
    done = 0
    for number, row in enumerate(csv.reader(lines), start=1):
        cells = [cell.strip() for cell in row]
        if not cells or cells[0].startswith("#"):
            continue
        try:
            _move(cells, warehouse)
        except ValueError as error:
            raise BadLine(number, str(error)) from error
        done += 1
    return done


def _move(cells: list[str], warehouse: Warehouse) -> None:
    match cells:
        case ["open", sku, reorder_at, order_up_to]:
            warehouse.open(Shelf(sku, int(reorder_at), int(order_up_to)))
        case ["receive", sku, quantity, unit_cost]:
            warehouse.receive(sku, int(quantity), unit_cost=Money(unit_cost))
        case ["promise", sku, quantity, order, until]:
            warehouse.promise(sku, int(quantity), order=order, until=date.fromisoformat(until))
        case ["issue", sku, quantity]:
            warehouse.issue(sku, int(quantity))
        case ["issue", sku, quantity, order]:
            warehouse.issue(sku, int(quantity), order=order)
        case _:
            raise ValueError(f"not a movement: {','.join(cells)}")
