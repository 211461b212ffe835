import pytest

from boxes.lru import Cache, cached
from boxes.stock import Basket, OutOfStock, Stock


def test_lru():
    cache = Cache(3)
    for place, key in enumerate("abcd"):
        cache.put(key, place)
    assert list(cache.entries) == ["b", "c", "d"]
    cache.get("b")
    cache.put("e", 9)
    assert list(cache.entries) == ["d", "b", "e"]
    assert cache.get("q") is None
    assert (cache.hits, cache.misses) == (1, 1)


def test_cached():
    @cached(1)
    def add(a, b):
        return a + b

    assert [add(1, 2), add(2, 1), add(1, 2), add(1, 2)] == [3, 3, 3, 3]
    assert add.cache.hits == 1
    assert add.cache.misses == 3


def test_stock():
    stock = Stock()
    stock.add("a", 2)
    stock.take("a", 1)
    assert stock.counts == {"a": 1}
    with pytest.raises(OutOfStock, match="b: 0 left"):
        stock.take("b")
    stock.wait("x", 1)
    stock.wait("y", 2)
    stock.wait("x", 3)
    assert [stock.next_for("x"), stock.next_for("x"), stock.next_for("y"), stock.next_for("y")] == [1, 3, 2, None]
    assert stock.merged(stock).total == 2
    assert Basket("a", [1]) != Basket("b", [1])
    assert Basket("a", [1]).put(2).items == [1, 2]
