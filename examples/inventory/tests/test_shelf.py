import pytest

from stockroom import Shelf


@pytest.mark.parametrize(
    ("available", "to_order"),
    [(80, 0), (51, 0), (50, 150), (49, 151), (0, 200)],
)
def test_reorder_when_few_are_left(available, to_order):
    assert Shelf("BOLT-M8", reorder_at=50, order_up_to=200).to_order(available) == to_order


def test_orders_come_in_whole_packs():
    shelf = Shelf("NUT-M8", reorder_at=20, order_up_to=100, pack_size=25)
    assert shelf.to_order(20) == 100
    assert shelf.to_order(0) == 100
    assert shelf.to_order(25) == 0


def test_a_shelf_must_make_sense():
    with pytest.raises(ValueError, match="order_up_to"):
        Shelf("X", reorder_at=10, order_up_to=5)
    with pytest.raises(ValueError, match="pack"):
        Shelf("X", pack_size=0)
