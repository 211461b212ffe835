import pytest

from stockroom import Ledger, Lot, Money, NotEnoughStock


@pytest.fixture
def ledger():
    """Ten pieces at 1.00, then ten at 1.50."""
    return Ledger("PIPE", [Lot(10, Money("1.00")), Lot(10, Money("1.50"))])


def test_a_ledger_knows_what_it_holds(ledger):
    assert ledger.on_hand == 20
    assert ledger.value == Money("25.00")


def test_new_lots_go_behind_the_others(ledger):
    ledger.receive(5, Money("2.00"))
    assert [lot.quantity for lot in ledger] == [10, 10, 5]
    assert ledger.value == Money("35.00")


def test_the_oldest_lot_goes_first():
    ledger = Ledger("PIPE", [Lot(10, Money("1.00"))])
    assert ledger.issue(4) == Money("4.00")
    assert list(ledger) == [Lot(6, Money("1.00"))]
    assert ledger.issued == 4


def test_an_issue_may_span_lots(ledger):
    assert ledger.issue(12) == Money("13.00")
    assert list(ledger) == [Lot(8, Money("1.50"))]


def test_everything_can_be_taken(ledger):
    assert ledger.issue(20) == Money("25.00")
    assert ledger.on_hand == 0
    assert ledger.value == Money.zero()


def test_more_than_there_is_cannot_be_taken(ledger):
    with pytest.raises(NotEnoughStock, match="wanted 21, only 20") as caught:
        ledger.issue(21)
    assert caught.value.sku == "PIPE"
    assert ledger.on_hand == 20


def test_an_empty_lot_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Lot(0, Money("1.00"))
