"""What a right fix of examples/inventory does, beyond the tests that the example shows."""

import random

import pytest

from stockroom import Ledger, Lot, Money, NotEnoughStock, Shelf, Warehouse


@pytest.mark.parametrize("seed", range(25))
def test_pieces_leave_in_the_order_they_came(seed):
    dice = random.Random(seed)
    lots = [Lot(dice.randint(1, 9), Money(dice.randint(1, 50))) for _ in range(dice.randint(1, 8))]
    queue = [lot.unit_cost for lot in lots for _ in range(lot.quantity)]
    ledger, issued = Ledger("X", lots), 0
    while queue:
        wanted = dice.randint(1, len(queue))
        taken, queue = queue[:wanted], queue[wanted:]
        assert ledger.issue(wanted) == sum(taken, Money.zero())
        issued += wanted
        assert ledger.on_hand == len(queue)
        assert ledger.issued == issued
        assert ledger.value == sum(queue, Money.zero())


def test_an_issue_may_span_three_lots():
    ledger = Ledger("X", [Lot(1, Money(1)), Lot(2, Money(10)), Lot(5, Money(100))])
    assert ledger.issue(6) == Money(321)
    assert list(ledger) == [Lot(2, Money(100))]


def test_a_refused_issue_changes_nothing():
    ledger = Ledger("X", [Lot(2, Money(1)), Lot(2, Money(2))])
    with pytest.raises(NotEnoughStock):
        ledger.issue(5)
    assert list(ledger) == [Lot(2, Money(1)), Lot(2, Money(2))]


def test_the_warehouse_agrees_with_its_ledger():
    warehouse = Warehouse()
    warehouse.open(Shelf("X"))
    warehouse.receive("X", 3, unit_cost=Money(1))
    warehouse.receive("X", 3, unit_cost=Money(2))
    assert warehouse.issue("X", 4) == Money(5)
    assert warehouse.on_hand("X") == 2
    assert warehouse.value() == Money(4)
