"""Decisions in a database, SQLite or Postgres."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    MetaData,
    RowMapping,
    String,
    Table,
    Text,
    case,
    desc,
    func,
    insert,
    select,
)
from sqlalchemy.ext.asyncio import AsyncEngine

from models.decisions import Decision, ModelUsage

NANO = Decimal(10) ** 9
"""Money is kept in whole billionths: sums are exact in every database."""

METADATA = MetaData()
DECISIONS = Table(
    "decisions",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("org", String(200), nullable=False),
    Column("run", String(200), nullable=False),
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
_SEPARATOR = "\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecisions:
    """See ``Decisions``. Tables are made by ``create_all`` or by the migrations of the house."""

    engine: AsyncEngine

    async def create_all(self) -> None:
        """Make the table where it is missing."""
        async with self.engine.begin() as connection:
            await connection.run_sync(METADATA.create_all)

    async def record(self, decision: Decision) -> None:
        """See ``Decisions.record``."""
        row = {f.name: getattr(decision, f.name) for f in fields(decision)}
        row["candidates"] = _SEPARATOR.join(decision.candidates)
        row["cost_nano"] = int(row.pop("cost") * NANO)
        row["at"] = decision.at.astimezone(UTC)
        async with self.engine.begin() as connection:
            await connection.execute(insert(DECISIONS).values(row))

    async def latest(self, org: str, *, limit: int = 100, run: str | None = None) -> Sequence[Decision]:
        """See ``Decisions.latest``."""
        query = select(DECISIONS).where(DECISIONS.c.org == org).order_by(desc(DECISIONS.c.id)).limit(limit)
        if run is not None:
            query = query.where(DECISIONS.c.run == run)
        async with self.engine.connect() as connection:
            return [_decision(row) for row in (await connection.execute(query)).mappings()]

    async def usage(self, org: str, *, since: datetime | None = None) -> Sequence[ModelUsage]:
        """See ``Decisions.usage``."""
        c = DECISIONS.c
        calls = func.count().label("calls")
        query = (
            select(
                c.choice.label("model"), calls, func.sum(case((c.outcome == "answered", 0), else_=1)).label("failed"),
                func.sum(c.tokens_in).label("tokens_in"), func.sum(c.tokens_out).label("tokens_out"),
                func.sum(c.tokens_cached).label("tokens_cached"), func.sum(c.cost_nano).label("cost"),
                func.sum(c.latency_ms).label("latency_ms"),
            )
            .where(c.org == org)
            .group_by(c.choice)
            .order_by(desc(calls), c.choice)
        )  # fmt: skip
        if since is not None:
            query = query.where(c.at >= since.astimezone(UTC))
        async with self.engine.connect() as connection:
            return [_usage(row) for row in (await connection.execute(query)).mappings()]


def _decision(row: RowMapping) -> Decision:
    found: dict[str, Any] = {key: row[key] for key in row if key not in {"id", "cost_nano"}}
    at: datetime = found["at"]
    found["at"] = at if at.tzinfo else at.replace(tzinfo=UTC)  # SQLite forgets the zone
    found["candidates"] = tuple(filter(None, row["candidates"].split(_SEPARATOR)))
    return Decision(**found, cost=Decimal(row["cost_nano"]) / NANO)


def _usage(row: RowMapping) -> ModelUsage:
    numbers = {key: int(row[key]) for key in row if key not in {"model", "cost", "latency_ms"}}
    cost = Decimal(int(row["cost"])) / NANO
    return ModelUsage(model=row["model"], cost=cost, latency_ms=float(row["latency_ms"]), **numbers)
