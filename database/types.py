"""Column types that SQLite and PostgreSQL share: moments with their zone or in microseconds, JSON as ASCII text."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Text, TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """A moment as the database writes dates, in UTC."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        # SQLite forgets the zone; everything here is written in UTC.
        return value if value is None or value.tzinfo else value.replace(tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """A moment as microseconds since the epoch: SQLite has no time zones."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else micros(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else instant(value)


class Json(TypeDecorator[Any]):
    """JSON as ASCII text: any string a person or a tool can produce, NUL included, fits both databases."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else json.loads(value)


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The clock of the product."""
    return datetime.now(UTC)


def micros(at: datetime) -> int:
    """Microseconds since the epoch: exact, the same on every database, and it sorts."""
    return (at - EPOCH) // timedelta(microseconds=1)


def instant(at: int) -> datetime:
    """The moment, in UTC."""
    return EPOCH + timedelta(microseconds=at)
