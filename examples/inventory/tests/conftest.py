from datetime import date

import pytest

from stockroom import Money, Shelf, Warehouse

TODAY = date(2025, 3, 14)


@pytest.fixture
def today():
    return TODAY


@pytest.fixture
def warehouse():
    """Bolts and nuts, one lot each, on a day that does not move."""
    warehouse = Warehouse(today=lambda: TODAY)
    warehouse.open(Shelf("BOLT-M8", reorder_at=50, order_up_to=200))
    warehouse.open(Shelf("NUT-M8", reorder_at=20, order_up_to=100, pack_size=25))
    warehouse.receive("BOLT-M8", 120, unit_cost=Money("0.12"))
    warehouse.receive("NUT-M8", 60, unit_cost=Money("0.05"))
    return warehouse
