"""``stockroom report FILE``: replay a file of movements and print the stock list."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from stockroom.errors import StockroomError
from stockroom.movements import replay
from stockroom.report import stock_list
from stockroom.warehouse import Warehouse


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="stockroom", description=__doc__)
    parser.add_argument("command", choices=["report"])
    parser.add_argument("file", type=Path)
    asked = parser.parse_args(argv)
    warehouse = Warehouse()
    try:
        with asked.file.open(newline="", encoding="utf-8") as lines:
            replay(lines, warehouse)
    except (OSError, StockroomError) as error:
        print(f"stockroom: {error}", file=sys.stderr)
        return 1
    print(stock_list(warehouse))
    return 0
