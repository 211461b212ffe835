"""Tables of models (decisions, calls, budgets, answers), and how they are written to (see ``database/migrations``)."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    text,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

NANO = Decimal(10) ** 9
"""Money is kept in whole billionths: sums are exact in every database."""

METADATA = MetaData()
DECISIONS = Table(
    "decisions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("day", String(10), nullable=False),
    Column("org", String(200), nullable=False),
    Column("run", String(200), nullable=False),
    Column("user", String(200), nullable=False),
    Column("role", String(200), nullable=False),
    Column("kind", String(200), nullable=False),
    Column("tier", String(200), nullable=False),
    Column("strategy", String(200), nullable=False),
    Column("candidates", Text, nullable=False),
    Column("choice", String(200), nullable=False),
    Column("reason", Text, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("tokens_cached", BigInteger, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
    Column("latency_ms", Float, nullable=False),
    Column("outcome", String(200), nullable=False),
    Index("decisions_by_org", "org", "at"),
    Index("decisions_by_run", "org", "run"),
)
OUTCOMES = Table(
    "model_outcomes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("org", String(200), nullable=False),
    Column("run", String(200), nullable=False),
    Column("failure", String(40), nullable=False),
    Column("model", String(200), nullable=False),
    Column("succeeded", Boolean, nullable=False),
    Index("model_outcomes_by_failure", "org", "failure", "at"),
    Index("model_outcomes_by_run", "org", "run"),
)
CALLS = Table(
    "model_calls",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String(500), nullable=False),
    Column("at", Float, nullable=False),
    Index("model_calls_by_name", "name", "at"),
)
SPENT = Table(
    "model_budgets",
    METADATA,
    Column("account", String(500), primary_key=True),
    Column("tokens", BigInteger, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
)
HELD = Table(
    "model_reservations",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("account", String(500), nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("cost_nano", BigInteger, nullable=False),
    Column("until", Float, nullable=False),
    Index("model_reservations_by_account", "account", "until"),
)
ANSWERS = Table(
    "model_answers",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("shelf", String(64), nullable=False),
    Column("words", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("until", Float, nullable=False),
    Index("model_answers_by_shelf", "shelf", "until"),
)
VECTORS = Table(
    "model_vectors",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("vector", LargeBinary, nullable=False),
    Column("made_at", Float, nullable=False),
    Column("used_at", Float, nullable=False),
    Index("model_vectors_by_use", "used_at"),
)

Writing = Callable[[AsyncEngine], AbstractAsyncContextManager[AsyncConnection]]
"""Opens a transaction that commits at the end of the block."""


@asynccontextmanager
async def begin(engine: AsyncEngine) -> AsyncGenerator[AsyncConnection]:
    """A transaction as SQLAlchemy makes it."""
    async with engine.begin() as connection:
        yield connection


@dataclass(frozen=True, slots=True, kw_only=True)
class Database:
    """SQLite or PostgreSQL; ``writing`` opens a transaction, as the process that uses it wants that."""

    engine: AsyncEngine
    writing: Writing = begin

    async def create_all(self) -> None:
        """Make the tables where they are missing: for an embedded SQLite. Servers run the migrations."""
        async with self.writing(self.engine) as connection:
            await connection.run_sync(METADATA.create_all)

    def write(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One transaction."""
        return self.writing(self.engine)


async def exclusive(connection: AsyncConnection, name: str) -> None:
    """Lock ``name`` until the transaction ends. SQLite's writers are alone anyway."""
    # Two processes would read the same sum and both take the last of it.
    if connection.dialect.name == "postgresql":
        await connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 7))"), {"name": name})
