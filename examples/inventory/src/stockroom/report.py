"""The stock list, as text."""

from __future__ import annotations

from stockroom.warehouse import Warehouse

ROW = "{:<10} {:>8} {:>9} {:>10} {:>6}"


def stock_list(warehouse: Warehouse) -> str:
    """One line an article, and the total value below."""
    to_order = warehouse.to_order()
    lines = [ROW.format("SKU", "ON HAND", "PROMISED", "VALUE", "ORDER")]
    for shelf in warehouse:
        lines.append(
            ROW.format(
                shelf.sku,
                warehouse.on_hand(shelf.sku),
                warehouse.promised(shelf.sku),
                str(warehouse.value(shelf.sku)),
                to_order.get(shelf.sku, "-"),
            )
        )
    lines.append(ROW.format("TOTAL", "", "", str(warehouse.value()), ""))
    return "\n".join(line.rstrip() for line in lines)
