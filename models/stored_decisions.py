"""Decisions in a database, SQLite or Postgres."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, case, desc, func, insert, select

from models.decisions import GOOD, By, Decision, Used
from models.tables import DECISIONS, NANO, Database

_SEPARATOR = "\n"
_C = DECISIONS.c


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecisions:
    """See ``Decisions``."""

    database: Database

    async def record(self, decision: Decision) -> None:
        """See ``Decisions.record``."""
        row = {f.name: getattr(decision, f.name) for f in fields(decision)}
        row["candidates"] = _SEPARATOR.join(decision.candidates)
        row["cost_nano"] = int(row.pop("cost") * NANO)
        row["at"], row["day"] = decision.at.astimezone(UTC), decision.day
        async with self.database.write() as connection:
            await connection.execute(insert(DECISIONS).values(row))

    async def latest(self, org: str, *, limit: int = 100, run: str | None = None) -> Sequence[Decision]:
        """See ``Decisions.latest``."""
        query = select(DECISIONS).where(_C.org == org).order_by(desc(_C.id)).limit(limit)
        if run is not None:
            query = query.where(_C.run == run)
        async with self.database.engine.connect() as connection:
            return [_decision(row) for row in (await connection.execute(query)).mappings()]

    async def usage(
        self,
        org: str | None,
        *,
        by: By = "model",
        since: datetime | None = None,
        until: datetime | None = None,
        run: str | None = None,
    ) -> Sequence[Used]:
        """See ``Decisions.usage``."""
        group = _C.choice if by == "model" else _C[by]
        calls = func.count().label("calls")
        query = (
            select(
                group.label("name"), calls, func.sum(case((_C.outcome.in_(GOOD), 0), else_=1)).label("failed"),
                func.sum(case((_C.outcome == "cached", 1), else_=0)).label("from_cache"),
                func.sum(_C.tokens_in).label("tokens_in"), func.sum(_C.tokens_out).label("tokens_out"),
                func.sum(_C.tokens_cached).label("tokens_cached"), func.sum(_C.cost_nano).label("cost"),
                func.sum(_C.latency_ms).label("latency_ms"),
            )
            .where(*_meant(org, since, until), *(() if run is None else (_C.run == run,)))
            .group_by(group)
            .order_by(*((group,) if by == "day" else (desc(calls), group)))
        )  # fmt: skip
        async with self.database.engine.connect() as connection:
            return [_used(row) for row in (await connection.execute(query)).mappings()]

    async def after(
        self, number: int, org: str | None, *, since: datetime | None = None, until: datetime | None = None,
        limit: int = 500,
    ) -> Sequence[tuple[int, Decision]]:  # fmt: skip
        """See ``Decisions.after``."""
        query = select(DECISIONS).where(_C.id > number, *_meant(org, since, until)).order_by(_C.id).limit(limit)
        async with self.database.engine.connect() as connection:
            return [(row["id"], _decision(row)) for row in (await connection.execute(query)).mappings()]


def _meant(org: str | None, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [] if org is None else [_C.org == org]
    found += [] if since is None else [_C.at >= since.astimezone(UTC)]
    return found + ([] if until is None else [_C.at < until.astimezone(UTC)])


def _decision(row: RowMapping) -> Decision:
    found: dict[str, Any] = {key: row[key] for key in row if key not in {"id", "cost_nano", "day"}}
    at: datetime = found["at"]
    found["at"] = at if at.tzinfo else at.replace(tzinfo=UTC)  # SQLite forgets the zone
    found["candidates"] = tuple(filter(None, row["candidates"].split(_SEPARATOR)))
    return Decision(**found, cost=Decimal(row["cost_nano"]) / NANO)


def _used(row: RowMapping) -> Used:
    numbers = {key: int(row[key]) for key in row if key not in {"name", "cost", "latency_ms"}}
    cost = Decimal(int(row["cost"])) / NANO
    return Used(name=row["name"], cost=cost, latency_ms=float(row["latency_ms"]), **numbers)
