class OutOfStock(Exception):
    pass


class Stock:
    """Things by name, and who waits for them."""

    def __init__(self):
        self.counts = {}
        self.waiting = {}

    def add(self, name, count=1):
        self.counts[name] = self.counts.get(name, 0) + count

    def take(self, name, count=1):
        if self.counts.get(name, 0) < count:
            raise OutOfStock(f"{name}: {self.counts.get(name, 0)} left")
        self.counts[name] -= count
        if self.counts[name] == 0:
            del self.counts[name]

    def wait(self, name, who):
        self.waiting.setdefault(name, []).append(who)

    def next_for(self, name):
        """Who waits longest; None when nobody does."""
        queue = self.waiting.get(name)
        if not queue:
            return None
        return queue.pop(0)

    @property
    def total(self):
        return sum(self.counts.values())

    def merged(self, other):
        """A new stock with what both have."""
        both = Stock()
        for stock in (self, other):
            for name, count in stock.counts.items():
                both.add(name, count)
        return both


class Basket:
    """What one customer holds."""

    def __init__(self, owner, items=None):
        self.owner = owner
        self.items = list(items or [])

    def put(self, item):
        self.items.append(item)
        return self

    def __eq__(self, other):
        return self.owner == other.owner and self.items == other.items
