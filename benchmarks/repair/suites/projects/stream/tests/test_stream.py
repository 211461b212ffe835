from itertools import count, islice

import pytest

from stream import chunked, flat, interleave, running, unique, windowed


@pytest.fixture(scope="session")
def letters():
    return list("abcde")


def test_chunked(letters):
    assert list(chunked(letters, 2)) == [["a", "b"], ["c", "d"], ["e"]]
    assert list(chunked([], 2)) == []
    assert list(chunked(letters, 5)) == [letters]


def test_chunks_are_lazy():
    assert next(chunked(count(), 3)) == [0, 1, 2]


def test_windowed(letters):
    assert list(windowed(letters, 3)) == [("a", "b", "c"), ("b", "c", "d"), ("c", "d", "e")]
    assert list(windowed("a", 2)) == []


def test_flat():
    assert list(flat([1, [2, (3, [4])], []])) == [1, 2, 3, 4]


def test_unique():
    assert list(unique([3, 1, 3, 2, 1])) == [3, 1, 2]
    assert list(unique(["a", "A", "b"], key=str.lower)) == ["a", "b"]


def test_interleave():
    assert list(interleave("abc", [1], "xy")) == ["a", 1, "x", "b", "y", "c"]
    assert list(interleave()) == []


def test_running():
    assert list(running([1, 2, 3])) == [1, 3, 6]
    assert list(islice(running(count(), 10), 3)) == [10, 11, 13]
