"""Lazy steps over anything that can be iterated."""

from collections import deque


def chunked(items, size):
    """Lists of so many items; the last one may be shorter."""
    chunk = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def windowed(items, size):
    """Each run of so many neighbours, as tuples."""
    window = deque(maxlen=size)
    for item in items:
        window.append(item)
        if len(window) == size:
            yield tuple(window)


def flat(tree):
    """The leaves of nested lists, in order."""
    for part in tree:
        if isinstance(part, (list, tuple)):
            yield from flat(part)
        else:
            yield part


def unique(items, key=None):
    """Items whose key did not come before."""
    seen = set()
    for item in items:
        mark = item if key is None else key(item)
        if mark not in seen:
            seen.add(mark)
            yield item


def interleave(*sources):
    """One of each in turn, until all are empty."""
    waiting = [iter(source) for source in sources]
    while waiting:
        left = []
        for source in waiting:
            try:
                yield next(source)
            except StopIteration:
                continue
            left.append(source)
        waiting = left


def running(values, start=0):
    """The sum so far, after each value."""
    total = start
    for value in values:
        total += value
        yield total
