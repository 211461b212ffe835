from collections import OrderedDict


class Cache:
    def __init__(self, size):
        self.size = size
        self.items = OrderedDict()

    def get(self, key):
        if key not in self.items:
            return -1
        self.items.move_to_end(key)
        return self.items[key]

    def put(self, key, value):
        if key in self.items:
            self.items.move_to_end(key)
        self.items[key] = value
        if len(self.items) > self.size:
            self.items.popitem(last=False)


def lru_cache(size, moves):
    cache = Cache(size)
    results = []
    for move in moves:
        if len(move) == 1:
            results.append(cache.get(move[0]))
        else:
            cache.put(move[0], move[1])
    return results


# cases
CASES = [(2, [(1, 1), (2, 2), (1,), (3, 3), (2,), (1,)]), (1, [(1, 5), (2, 6), (1,), (2,)]), (2, [(1,)]), (2, [(1, 1), (2, 2), (1, 9), (3, 3), (1,), (2,)]), (3, [(1, 1), (2, 2), (3, 3), (1,), (4, 4), (2,), (1,), (3,)])]
BUGS = [("last=False", "last=True"), ("len(self.items) > self.size", "len(self.items) >= self.size"), ("        self.items.move_to_end(key)\n        return", "        return"), ("return -1", "return None"), ("self.items[key] = value", "self.items[value] = key"), ("cache.put(move[0], move[1])", "cache.put(move[1], move[0])")]
