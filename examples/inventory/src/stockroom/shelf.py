"""Where one article lies, and when it has to be ordered again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Shelf:
    """One article: reorder when ``reorder_at`` or fewer are left, up to ``order_up_to``."""

    sku: str
    reorder_at: int = 0
    order_up_to: int = 0
    pack_size: int = 1

    def __post_init__(self) -> None:
        if self.pack_size < 1:
            raise ValueError("a pack holds at least one piece")
        if self.order_up_to < self.reorder_at:
            raise ValueError("order_up_to must not be below reorder_at")

    def to_order(self, available: int) -> int:
        """Pieces to order now, in whole packs; 0 while there is enough."""
        if available > self.reorder_at:
            return 0
        missing = self.order_up_to - available
        packs = -(-missing // self.pack_size)
        return packs * self.pack_size
