import pytest

from units.convert import celsius, clock, ordinal, size


def test_more():
    assert size(1024**2 - 1) == "1024.0 KiB"
    assert size(2 * 1024**5) == "2048.0 TiB"
    assert clock(0) == "0:00:00"
    assert clock(36_000 + 60) == "10:01:00"
    assert celsius(50) == pytest.approx(10)
    assert [ordinal(n) for n in (10, 14, 20, 22, 43, 100, 112, 1001)] == [
        "10th", "14th", "20th", "22nd", "43rd", "100th", "112th", "1001st"
    ]
