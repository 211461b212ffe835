import pytest

from ledger import Book


@pytest.fixture(scope="module")
def opening():
    return {"cash": 1000, "bank": 500}


@pytest.fixture
def book(opening):
    return Book(opening)
