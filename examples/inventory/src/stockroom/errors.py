"""What can go wrong in a warehouse."""


class StockroomError(Exception):
    """Anything this package refuses to do."""


class UnknownSku(StockroomError):
    """Nobody opened a shelf for this article."""

    def __init__(self, sku: str) -> None:
        super().__init__(f"no shelf for {sku}")
        self.sku = sku


class NotEnoughStock(StockroomError):
    """More was asked for than is there, or free to take."""

    def __init__(self, sku: str, *, wanted: int, available: int) -> None:
        super().__init__(f"{sku}: wanted {wanted}, only {available} available")
        self.sku = sku
        self.wanted = wanted
        self.available = available
