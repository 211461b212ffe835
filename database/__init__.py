"""The database of the product: engines for SQLite and PostgreSQL, transactions, column types, and LISTEN/NOTIFY.

It knows no table: rooms bring their own.
"""

from database.engine import (
    RESTED_S,
    DatabaseUnavailable,
    connection_counts,
    erasing,
    fetch_all,
    fetch_one,
    open_engine,
    reading,
    sqlite_url,
    turnstile,
    write_one,
    writing,
)
from database.notify import AGAIN_S, CHANNEL, Signals, listening, look_again, tell, telling
from database.sqlite import SqliteConnection, SqliteLog, empty_log, open_sqlite
from database.types import EPOCH, Instant, Json, UtcDateTime, instant, micros, now

__all__ = [
    "AGAIN_S",
    "CHANNEL",
    "EPOCH",
    "RESTED_S",
    "DatabaseUnavailable",
    "Instant",
    "Json",
    "Signals",
    "SqliteConnection",
    "SqliteLog",
    "UtcDateTime",
    "connection_counts",
    "empty_log",
    "erasing",
    "fetch_all",
    "fetch_one",
    "instant",
    "listening",
    "look_again",
    "micros",
    "now",
    "open_engine",
    "open_sqlite",
    "reading",
    "sqlite_url",
    "tell",
    "telling",
    "turnstile",
    "write_one",
    "writing",
]
