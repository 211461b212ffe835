from collections import OrderedDict
from functools import wraps


class Cache:
    """Keeps the entries that were used last."""

    def __init__(self, size):
        self.size = size
        self.entries = OrderedDict()
        self.hits = self.misses = 0

    def get(self, key, default=None):
        if key not in self.entries:
            self.misses += 1
            return default
        self.hits += 1
        self.entries.move_to_end(key)
        return self.entries[key]

    def put(self, key, value):
        self.entries[key] = value
        self.entries.move_to_end(key)
        while len(self.entries) > self.size:
            self.entries.popitem(last=False)

    def __len__(self):
        return len(self.entries)

    def __contains__(self, key):
        return key in self.entries


def cached(size):
    """A decorator that remembers results by arguments."""

    def decorate(function):
        cache = Cache(size)
        missing = object()

        @wraps(function)
        def call(*args):
            found = cache.get(args, missing)
            if found is missing:
                found = function(*args)
                cache.put(args, found)
            return found

        call.cache = cache
        return call

    return decorate
