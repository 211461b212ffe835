import pytest

from ledger import allocate, parse, percent


@pytest.mark.parametrize(("text", "cents"), [("1", 100), ("12.5", 1250), ("-3.07", -307), (" 8 ", 800)])
def test_parse(text, cents):
    assert parse(text) == cents


def test_not_an_amount():
    with pytest.raises(ValueError, match="not an amount"):
        parse("a")


@pytest.mark.parametrize(
    ("amount", "weights", "shares"), [(100, [1, 1, 1], [34, 33, 33]), (5, [3, 7], [2, 3]), (0, [1], [0])]
)
def test_allocate(amount, weights, shares):
    assert allocate(amount, weights) == shares


def test_no_weights():
    with pytest.raises(ValueError):
        allocate(1, [0, 0])


def test_percent():
    assert percent(1, 3) == pytest.approx(33.3333, abs=1e-3)
    assert percent(1, 0) == 0
