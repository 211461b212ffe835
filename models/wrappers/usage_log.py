"""Usage log: a row for every call, with whom it asked, why, and what came of it (D3), and their sums."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Protocol, TypeVar

from pydantic import Field
from sqlalchemy import ColumnElement, RowMapping, case, desc, func, insert, select

from domain import SignoffError, value
from domain.work import Name
from models.contract import Price, Question, Reply, Usage, Wrapper, metered
from models.tables import DECISIONS, NANO, Database

T = TypeVar("T")

_SEPARATOR = "\n"
_C = DECISIONS.c
GroupBy = Literal["model", "run", "user", "org", "day", "role", "tier", "strategy", "outcome"]
STOPPED = "stopped"
"""The answer was no longer waited for: another candidate had passed everything, or the run was ended."""
GOOD = frozenset({"answered", "cached", STOPPED})
"""Outcomes that are no failure of the model."""


@value
class RoutingDecision:
    """One call of a model. ``outcome`` is ``answered``, ``cached``, ``stopped``, or the code of the error."""

    at: datetime
    org: Name
    run: Name = ""
    user: Name = ""
    role: Name = ""
    kind: Name = ""
    tier: Name = ""
    strategy: Name = ""
    candidates: Annotated[tuple[Name, ...], Field(max_length=50)] = ()
    """Who could have been asked, best first."""
    choice: Name
    reason: str = ""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost: Decimal = Decimal(0)
    latency_ms: float = 0.0
    outcome: Name = "answered"

    @property
    def day(self) -> str:
        """By UTC."""
        return self.at.astimezone(UTC).date().isoformat()


@value
class UsageTotal:
    """What one model, run, person … used."""

    name: str
    calls: int = 0
    failed: int = 0
    from_cache: int = 0
    """Calls that were answered without asking a model."""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost: Decimal = Decimal(0)
    latency_ms: float = 0.0
    """All calls together."""

    @classmethod
    def of(cls, name: str, decisions: Sequence[RoutingDecision]) -> "UsageTotal":
        """What these calls used together."""
        return cls(
            name=name,
            calls=len(decisions),
            failed=sum(each.outcome not in GOOD for each in decisions),
            from_cache=sum(each.outcome == "cached" for each in decisions),
            tokens_in=sum(each.tokens_in for each in decisions),
            tokens_out=sum(each.tokens_out for each in decisions),
            tokens_cached=sum(each.tokens_cached for each in decisions),
            cost=sum((each.cost for each in decisions), Decimal(0)),
            latency_ms=sum(each.latency_ms for each in decisions),
        )

    @property
    def tokens_per_s(self) -> float:
        """Written a second, as measured over all calls; 0: nothing was written."""
        return self.tokens_out / (self.latency_ms / 1_000) if self.latency_ms > 0 else 0.0


@value
class UsageReport:
    """Usage, and what the same tokens would have cost with the premium model (D3)."""

    rows: tuple[UsageTotal, ...]
    cost: Decimal
    premium_cost: Decimal

    @property
    def saved(self) -> Decimal:
        """Money not spent; negative where choosing cost more than it saved."""
        return self.premium_cost - self.cost

    @property
    def cached_share(self) -> float:
        """Share of the prompt tokens that came from a server's prefix cache."""
        read = sum(each.tokens_in for each in self.rows)
        return sum(each.tokens_cached for each in self.rows) / read if read else 0.0


class Decisions(Protocol):
    """Keeps decisions. ``org`` None: of every organisation."""

    async def record(self, decision: RoutingDecision) -> None: ...

    async def latest(self, org: str, *, limit: int = 100, run: str | None = None) -> Sequence[RoutingDecision]:
        """The newest first."""
        ...

    async def usage(
        self,
        org: str | None,
        *,
        by: GroupBy = "model",
        since: datetime | None = None,
        until: datetime | None = None,
        run: str | None = None,
    ) -> Sequence[UsageTotal]:
        """Summed up, the most called first; days in their order."""
        ...

    async def after(
        self,
        number: int,
        org: str | None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 500,
    ) -> Sequence[tuple[int, RoutingDecision]]:
        """The decisions after this one, each with its number: for going through all of them."""
        ...


def report(usage: Sequence[UsageTotal], premium: Price) -> UsageReport:
    """Add up, and compare with having asked the premium model every time."""
    read = sum(each.tokens_in for each in usage)
    wrote = sum(each.tokens_out for each in usage)
    return UsageReport(
        rows=tuple(usage),
        cost=sum((each.cost for each in usage), Decimal(0)),
        premium_cost=premium.of(Usage(tokens_in=read, tokens_out=wrote)),
    )


@dataclass(frozen=True, slots=True)
class MemoryDecisions:
    """The twin: decisions of one process."""

    rows: list[RoutingDecision] = field(default_factory=list)

    async def record(self, decision: RoutingDecision) -> None:
        """See ``Decisions.record``."""
        self.rows.append(decision)

    async def latest(self, org: str, *, limit: int = 100, run: str | None = None) -> Sequence[RoutingDecision]:
        """See ``Decisions.latest``."""
        mine = [row for row in self.rows if row.org == org and run in {None, row.run}]
        return mine[::-1][:limit]

    async def usage(
        self,
        org: str | None,
        *,
        by: GroupBy = "model",
        since: datetime | None = None,
        until: datetime | None = None,
        run: str | None = None,
    ) -> Sequence[UsageTotal]:
        """See ``Decisions.usage``."""
        grouped: dict[str, list[RoutingDecision]] = defaultdict(list)
        for row in self.rows:
            if _meant(row, org, since, until) and run in {None, row.run}:
                grouped[row.choice if by == "model" else getattr(row, by)].append(row)
        totals = [UsageTotal.of(name, rows) for name, rows in grouped.items()]
        return sorted(totals, key=lambda each: each.name if by == "day" else (-each.calls, each.name))

    async def after(
        self,
        number: int,
        org: str | None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 500,
    ) -> Sequence[tuple[int, RoutingDecision]]:
        """See ``Decisions.after``."""
        rows = enumerate(self.rows, 1)
        return [(n, row) for n, row in rows if n > number and _meant(row, org, since, until)][:limit]


def _meant(row: RoutingDecision, org: str | None, since: datetime | None, until: datetime | None) -> bool:
    return org in {None, row.org} and (since is None or row.at >= since) and (until is None or row.at < until)


@value
class CallReason:
    """What is known about a choice before the call."""

    org: str
    run: str = ""
    user: str = ""
    role: str = ""
    kind: str = ""
    tier: str = ""
    strategy: str = ""
    candidates: tuple[str, ...] = ()
    choice: str = ""
    """Who is asked; empty: the one that answers."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageLogged(Wrapper):
    """Record each call with ``why`` (asked anew each time: it depends on who is asking)."""

    decisions: Decisions
    why: Callable[[], CallReason]
    clock: Callable[[], datetime]

    async def ask(self, question: Question[T]) -> Reply[T]:
        """See ``Model.ask``."""
        started, why = time.monotonic(), self.why()
        asked, outcome = why.choice or self.name, STOPPED
        with metered() as meter:
            try:
                reply = await self.model.ask(question)
                outcome, asked = "answered", why.choice or reply.model
                if reply.model not in {asked, ""}:
                    why = replace(why, reason=f"{why.reason} It answered as {reply.model}.")
            except SignoffError as error:
                outcome = error.stable_code
                raise
            finally:  # also when the answer is no longer waited for: what was used until then is in the row
                await asyncio.shield(self._record(why, asked, meter.usage, started, outcome))
        return reply

    async def _record(self, why: CallReason, choice: str, used: Usage, started: float, outcome: str) -> None:
        guessed = f" {used.estimated} tokens are an estimate: it did not count them." if used.estimated else ""
        await self.decisions.record(
            RoutingDecision(
                at=self.clock(),
                org=why.org,
                run=why.run,
                user=why.user,
                role=why.role,
                kind=why.kind,
                tier=why.tier,
                strategy=why.strategy,
                candidates=why.candidates,
                choice=choice,
                reason=f"{why.reason}{guessed}",
                tokens_in=used.tokens_in,
                tokens_out=used.tokens_out,
                tokens_cached=used.tokens_cached,
                cost=used.cost,
                latency_ms=(time.monotonic() - started) * 1_000,
                outcome=outcome,
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredDecisions:
    """See ``Decisions``."""

    database: Database

    async def record(self, decision: RoutingDecision) -> None:
        """See ``Decisions.record``."""
        row = {f.name: getattr(decision, f.name) for f in fields(decision)}
        row["candidates"] = _SEPARATOR.join(decision.candidates)
        # Floats of SQLite would not add up to what was billed.
        row["cost_nano"] = int(row.pop("cost") * NANO)
        row["at"], row["day"] = decision.at.astimezone(UTC), decision.day
        async with self.database.write() as connection:
            await connection.execute(insert(DECISIONS).values(row))

    async def latest(self, org: str, *, limit: int = 100, run: str | None = None) -> Sequence[RoutingDecision]:
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
        by: GroupBy = "model",
        since: datetime | None = None,
        until: datetime | None = None,
        run: str | None = None,
    ) -> Sequence[UsageTotal]:
        """See ``Decisions.usage``."""
        group = _C.choice if by == "model" else _C[by]
        calls = func.count().label("calls")
        query = (
            select(
                group.label("name"),
                calls,
                func.sum(case((_C.outcome.in_(GOOD), 0), else_=1)).label("failed"),
                func.sum(case((_C.outcome == "cached", 1), else_=0)).label("from_cache"),
                func.sum(_C.tokens_in).label("tokens_in"),
                func.sum(_C.tokens_out).label("tokens_out"),
                func.sum(_C.tokens_cached).label("tokens_cached"),
                func.sum(_C.cost_nano).label("cost"),
                func.sum(_C.latency_ms).label("latency_ms"),
            )
            .where(*_conditions(org, since, until), *(() if run is None else (_C.run == run,)))
            .group_by(group)
            .order_by(*((group,) if by == "day" else (desc(calls), group)))
        )
        async with self.database.engine.connect() as connection:
            totals: list[UsageTotal] = []
            for row in (await connection.execute(query)).mappings():
                # PostgreSQL sums integers as numerics: they come as Decimal.
                numbers = {key: int(row[key]) for key in row if key not in {"name", "cost", "latency_ms"}}
                cost = Decimal(int(row["cost"])) / NANO
                totals.append(UsageTotal(name=row["name"], cost=cost, latency_ms=float(row["latency_ms"]), **numbers))
            return totals

    async def after(
        self,
        number: int,
        org: str | None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 500,
    ) -> Sequence[tuple[int, RoutingDecision]]:
        """See ``Decisions.after``."""
        query = select(DECISIONS).where(_C.id > number, *_conditions(org, since, until)).order_by(_C.id).limit(limit)
        async with self.database.engine.connect() as connection:
            return [(row["id"], _decision(row)) for row in (await connection.execute(query)).mappings()]


def _conditions(org: str | None, since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = [] if org is None else [_C.org == org]
    conditions += [] if since is None else [_C.at >= since.astimezone(UTC)]
    return conditions + ([] if until is None else [_C.at < until.astimezone(UTC)])


def _decision(row: RowMapping) -> RoutingDecision:
    columns: dict[str, Any] = {key: row[key] for key in row if key not in {"id", "cost_nano", "day"}}
    at: datetime = columns["at"]
    columns["at"] = at if at.tzinfo else at.replace(tzinfo=UTC)  # SQLite forgets the zone
    columns["candidates"] = tuple(filter(None, row["candidates"].split(_SEPARATOR)))
    return RoutingDecision(**columns, cost=Decimal(row["cost_nano"]) / NANO)
