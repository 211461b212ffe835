import pytest

from ledger import Book, allocate, parse, percent


def test_more():
    book = Book({"a": 10, "b": 20, "c": 70})
    book.move("c", "a", 30, "x").move("a", "b", 40, "y").move("b", "c", 5)
    assert dict(book.balances) == {"a": 0, "b": 55, "c": 45}
    assert book.statement("a") == ["x: 30 (30)", "y: -40 (-10)"]
    assert book.statement("b") == ["y: 40 (40)", "transfer: -5 (35)"]
    assert [name for name, _ in book.shares()] == ["b", "c", "a"]
    assert book.undo() == 5
    assert book.undo() == 40
    assert book.balances["a"] == 40
    assert book.balances["b"] == 20
    assert len(book.entries) == 1


def test_money():
    assert parse("-0.5") == -50
    assert parse("0.05") == 5
    assert sum(allocate(1001, [2, 3, 5, 7])) == 1001
    assert allocate(11, [1, 1, 1, 1]) == [3, 3, 3, 2]
    assert percent(5, 20) == 25
    with pytest.raises(ValueError):
        parse("1.234")
