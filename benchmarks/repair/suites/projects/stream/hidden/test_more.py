from stream import chunked, flat, interleave, running, unique, windowed


def test_more():
    assert list(chunked(range(4), 2)) == [[0, 1], [2, 3]]
    assert list(chunked([7], 3)) == [[7]]
    assert list(windowed(range(3), 1)) == [(0,), (1,), (2,)]
    assert list(windowed(range(3), 3)) == [(0, 1, 2)]
    assert list(flat([[[[]]], "ab", [["c"], 5]])) == ["ab", "c", 5]
    assert list(unique([(1, 2), (2, 1), (1, 3)], key=lambda p: p[0])) == [(1, 2), (2, 1)]
    assert list(interleave([1, 2], "", [3])) == [1, 3, 2]
    assert list(running([5, -5, 2], 1)) == [6, 1, 3]
