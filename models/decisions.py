"""Who was asked, why, and what came of it: one row per call (D3), and what it adds up to."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal, Protocol

from pydantic import Field

from domain import Name, value
from models.chat import Price
from models.contract import Usage

By = Literal["model", "run", "user", "org", "day", "role", "tier", "strategy", "outcome"]
STOPPED = "stopped"
"""Nobody waited for the answer any more: another candidate had passed everything, or the run was ended."""
GOOD = frozenset({"answered", "cached", STOPPED})
"""Outcomes that are no failure of the model."""


@value
class Decision:
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
class Used:
    """What one model, run, person … used."""

    name: str
    calls: int = 0
    failed: int = 0
    from_cache: int = 0
    """Calls that were answered without asking anybody."""
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost: Decimal = Decimal(0)
    latency_ms: float = 0.0
    """All calls together."""

    @property
    def tokens_per_s(self) -> float:
        """Written a second, as measured over all calls; 0: nothing was written."""
        return self.tokens_out / (self.latency_ms / 1_000) if self.latency_ms > 0 else 0.0


@value
class Report:
    """Usage, and what the same tokens would have cost with the premium model (D3)."""

    rows: tuple[Used, ...]
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

    async def record(self, decision: Decision) -> None: ...

    async def latest(self, org: str, *, limit: int = 100, run: str | None = None) -> Sequence[Decision]:
        """The newest first."""
        ...

    async def usage(
        self,
        org: str | None,
        *,
        by: By = "model",
        since: datetime | None = None,
        until: datetime | None = None,
        run: str | None = None,
    ) -> Sequence[Used]:
        """Summed up, the most called first; days in their order."""
        ...

    async def after(
        self, number: int, org: str | None, *, since: datetime | None = None, until: datetime | None = None,
        limit: int = 500,
    ) -> Sequence[tuple[int, Decision]]:  # fmt: skip
        """The decisions after this one, each with its number: for going through all of them."""
        ...


def report(usage: Sequence[Used], premium: Price) -> Report:
    """Add up, and compare with having asked the premium model every time."""
    read = sum(each.tokens_in for each in usage)
    wrote = sum(each.tokens_out for each in usage)
    return Report(
        rows=tuple(usage),
        cost=sum((each.cost for each in usage), Decimal(0)),
        premium_cost=premium.of(Usage(tokens_in=read, tokens_out=wrote)),
    )


@dataclass(frozen=True, slots=True)
class MemoryDecisions:
    """The twin: decisions of one process."""

    rows: list[Decision] = field(default_factory=list)

    async def record(self, decision: Decision) -> None:
        """See ``Decisions.record``."""
        self.rows.append(decision)

    async def latest(self, org: str, *, limit: int = 100, run: str | None = None) -> Sequence[Decision]:
        """See ``Decisions.latest``."""
        mine = [row for row in self.rows if row.org == org and run in {None, row.run}]
        return mine[::-1][:limit]

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
        grouped: dict[str, list[Decision]] = defaultdict(list)
        for row in self.rows:
            if _meant(row, org, since, until) and run in {None, row.run}:
                grouped[row.choice if by == "model" else getattr(row, by)].append(row)
        found = [_summed(name, rows) for name, rows in grouped.items()]
        return sorted(found, key=lambda each: each.name if by == "day" else (-each.calls, each.name))

    async def after(
        self, number: int, org: str | None, *, since: datetime | None = None, until: datetime | None = None,
        limit: int = 500,
    ) -> Sequence[tuple[int, Decision]]:  # fmt: skip
        """See ``Decisions.after``."""
        rows = enumerate(self.rows, 1)
        return [(n, row) for n, row in rows if n > number and _meant(row, org, since, until)][:limit]


def _meant(row: Decision, org: str | None, since: datetime | None, until: datetime | None) -> bool:
    return (
        org in {None, row.org} and (since is None or row.at >= since) and (until is None or row.at < until)
    )  # fmt: skip


def _summed(name: str, rows: Sequence[Decision]) -> Used:
    def total(part: Callable[[Decision], int]) -> int:
        return sum(part(row) for row in rows)

    return Used(
        name=name,
        calls=len(rows),
        failed=total(lambda row: row.outcome not in GOOD),
        from_cache=total(lambda row: row.outcome == "cached"),
        tokens_in=total(lambda row: row.tokens_in),
        tokens_out=total(lambda row: row.tokens_out),
        tokens_cached=total(lambda row: row.tokens_cached),
        cost=sum((row.cost for row in rows), Decimal(0)),
        latency_ms=sum(row.latency_ms for row in rows),
    )
