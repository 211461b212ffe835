import pytest


def test_move(book):
    book.move("cash", "bank", 300)
    assert book.balances["cash"] == 700
    assert book.balances["bank"] == 800


def test_everything_may_be_moved(book):
    book.move("cash", "food", 1000)
    assert book.balances["cash"] == 0


def test_too_much(book):
    with pytest.raises(LookupError, match="bank has only 500"):
        book.move("bank", "cash", 501)


@pytest.mark.parametrize("cents", [0, -5])
def test_not_positive(book, cents):
    with pytest.raises(ValueError, match="positive"):
        book.move("cash", "bank", cents)


def test_statement(book):
    book.move("cash", "food", 200, "lunch").move("bank", "cash", 50).move("bank", "rent", 10)
    assert book.statement("cash") == ["lunch: -200 (-200)", "transfer: 50 (-150)"]


def test_shares(book):
    book.move("cash", "bank", 400)
    assert book.shares() == [("bank", pytest.approx(60)), ("cash", pytest.approx(40))]


def test_undo(book, opening):
    book.move("cash", "bank", 300)
    assert book.undo() == 300
    assert dict(book.balances) == opening


def test_nothing_to_undo(book):
    assert book.undo() is None
