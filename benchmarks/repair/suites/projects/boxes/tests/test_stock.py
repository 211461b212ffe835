import pytest

from boxes.stock import Basket, OutOfStock, Stock


@pytest.fixture
def stock():
    stock = Stock()
    stock.add("nut", 5)
    stock.add("bolt")
    return stock


def test_add(stock):
    stock.add("nut")
    assert stock.counts == {"nut": 6, "bolt": 1}


def test_take(stock):
    stock.take("nut", 2)
    assert stock.counts["nut"] == 3
    stock.take("bolt")
    assert "bolt" not in stock.counts


def test_out_of_stock(stock):
    with pytest.raises(OutOfStock, match="nut: 5 left"):
        stock.take("nut", 6)


def test_waiting(stock):
    stock.wait("gear", "al")
    stock.wait("gear", "bo")
    assert stock.next_for("gear") == "al"
    assert stock.next_for("gear") == "bo"
    assert stock.next_for("gear") is None


def test_total(stock):
    assert stock.total == 6


def test_merged(stock):
    other = Stock()
    other.add("bolt", 3)
    assert stock.merged(other).counts == {"nut": 5, "bolt": 4}
    assert stock.counts["bolt"] == 1


def test_baskets_do_not_share():
    one, two = Basket("al").put("nut"), Basket("al")
    assert two.items == []
    assert one != two
    assert one == Basket("al", ["nut"])


def test_a_basket_keeps_its_own_list():
    given = ["nut"]
    Basket("al", given).put("bolt")
    assert given == ["nut"]
