from datetime import timedelta

import pytest

from stockroom import Money, NotEnoughStock, UnknownSku


def test_receive_and_issue(warehouse):
    assert warehouse.issue("BOLT-M8", 90) == Money("10.80")
    assert warehouse.on_hand("BOLT-M8") == 30
    assert warehouse.value() == Money("6.60")


def test_what_is_promised_is_not_given_to_others(warehouse, today):
    warehouse.promise("BOLT-M8", 100, order="A-1", until=today)
    assert warehouse.available("BOLT-M8") == 20
    with pytest.raises(NotEnoughStock, match="only 20"):
        warehouse.issue("BOLT-M8", 21)
    with pytest.raises(NotEnoughStock, match="only 120"):
        warehouse.issue("BOLT-M8", 121, order="A-1")
    assert warehouse.issue("BOLT-M8", 100, order="A-1") == Money("12.00")
    assert warehouse.available("BOLT-M8") == 20


def test_a_promise_that_has_expired_holds_nothing(warehouse, today):
    warehouse.promise("BOLT-M8", 100, order="A-1", until=today - timedelta(days=1))
    assert warehouse.available("BOLT-M8") == 120


def test_nobody_is_promised_more_than_there_is(warehouse, today):
    with pytest.raises(NotEnoughStock):
        warehouse.promise("NUT-M8", 61, order="A-1", until=today)


def test_reorder_advice(warehouse):
    assert warehouse.to_order() == {}
    warehouse.issue("BOLT-M8", 70)
    warehouse.issue("NUT-M8", 45)
    assert warehouse.to_order() == {"BOLT-M8": 150, "NUT-M8": 100}


def test_articles_without_a_shelf_are_unknown(warehouse):
    with pytest.raises(UnknownSku, match="WASHER"):
        warehouse.on_hand("WASHER")
