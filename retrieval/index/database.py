"""Database of an index: an SQLite file that may be lost."""

import sqlite3
from array import array
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

FORMAT = 2
"""Of the file. One of another format is begun anew."""
SCHEMA = """
CREATE TABLE IF NOT EXISTS index_of (generation TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS files (
    id INTEGER PRIMARY KEY, content TEXT NOT NULL, path TEXT NOT NULL, length REAL NOT NULL, skipped TEXT NOT NULL,
    UNIQUE (content, path)
);
CREATE TABLE IF NOT EXISTS segments (id INTEGER PRIMARY KEY, size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS postings (
    term TEXT NOT NULL, segment INTEGER NOT NULL, files BLOB NOT NULL, weights BLOB NOT NULL,
    PRIMARY KEY (term, segment)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS records (file INTEGER PRIMARY KEY, record BLOB NOT NULL);
"""


def connected(file: Path) -> sqlite3.Connection:
    """Open the file, made anew where it is none of ours or of another format."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    db = sqlite3.connect(file, timeout=30.0, isolation_level=None, check_same_thread=False)
    try:
        # A cache that a power failure damages is made anew: no commit waits for the disk.
        db.execute("PRAGMA synchronous = OFF")
        if db.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
            db.execute("PRAGMA journal_mode = WAL")
            with transaction(db):
                if db.execute("PRAGMA user_version").fetchone()[0] != FORMAT:
                    for (table,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
                        db.execute(f'DROP TABLE "{table}"')
                    for statement in SCHEMA.split(";"):
                        db.execute(statement)
                    db.execute("INSERT INTO index_of VALUES (?)", (uuid4().hex,))
                    db.execute(f"PRAGMA user_version = {FORMAT}")
    except BaseException:
        db.close()
        raise
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Generator[None]:
    """All or nothing; one writer at a time."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def numbers(kind: str, data: bytes) -> "array[Any]":
    """The numbers of a column that holds an array."""
    numbers: array[Any] = array(kind)
    numbers.frombytes(data)
    return numbers
