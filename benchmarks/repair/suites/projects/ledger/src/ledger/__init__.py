from ledger.book import Book
from ledger.money import allocate, parse, percent

__all__ = ["Book", "allocate", "parse", "percent"]
