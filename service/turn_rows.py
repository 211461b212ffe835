"""The row of a turn, as a table and as a value.

    pending → running → success | error | interrupted

``interrupted`` is a turn that a person has to go on from: a ballot is open, a budget is spent, or somebody
stopped it. It is never called a success.
"""

from datetime import UTC, datetime
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import JSON, Column, DateTime, Integer, RowMapping, String, Table, Text, UniqueConstraint

from domain import value
from service.run_rows import METADATA

TurnStatus = Literal["pending", "running", "success", "error", "interrupted", "timeout"]
Strategy = Literal["reject", "enqueue", "interrupt", "rollback"]
OPEN: tuple[TurnStatus, ...] = ("pending", "running")

TURNS = Table(
    "turns",
    METADATA,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("thread", String(64), nullable=False, index=True),
    Column("org", String(200), nullable=False),
    Column("assistant", String(64), nullable=False),
    Column("status", String(20), nullable=False, index=True),
    Column("asked", JSON, nullable=False),
    Column("metadata", JSON, nullable=False),
    Column("strategy", String(20), nullable=False),
    Column("webhook", Text, nullable=True),
    Column("once", String(300), nullable=True),
    Column("before", String(64), nullable=True),
    Column("error_code", String(200), nullable=True),
    Column("error", Text, nullable=True),
    Column("cancel_reason", String(40), nullable=True),
    Column("attempts", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("org", "once", name="turns_once"),
)
COLUMNS = tuple(column.key for column in TURNS.c if column.key != "seq")


@value
class Turn:
    """One row."""

    id: str
    thread: str
    org: str
    assistant: str
    status: TurnStatus = "pending"
    asked: dict[str, Any] = Field(default_factory=dict)
    """What the client sent that matters later: modes, wish, checkpoint, who asked."""
    metadata: dict[str, Any] = Field(default_factory=dict)
    strategy: Strategy = "enqueue"
    webhook: str | None = None
    once: str | None = None
    """Idempotency key and a digest of the request."""
    before: str | None = None
    """The checkpoint the thread stood at; a rollback returns there. Empty: it had none."""
    error_code: str | None = None
    error: str | None = None
    cancel_reason: str | None = None
    attempts: int = 0
    created_at: datetime
    updated_at: datetime

    @property
    def open(self) -> bool:
        """Whether it still waits or works."""
        return self.status in OPEN

    def due_in(self, now: datetime) -> float:
        """Seconds until it may begin."""
        return max(0.0, float(self.asked.get("after", 0)) - (now - self.created_at).total_seconds())


def turn_of(row: RowMapping) -> Turn:
    """The turn of a row."""
    fields: dict[str, Any] = {name: row[name] for name in COLUMNS}
    for name in ("created_at", "updated_at"):
        # SQLite forgets the zone; everything here is written in UTC.
        fields[name] = fields[name] if fields[name].tzinfo else fields[name].replace(tzinfo=UTC)
    return Turn(**fields)
