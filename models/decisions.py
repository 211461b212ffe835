"""Who was asked, why, and what came of it: one row per call (D3), and what it adds up to."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Protocol

from pydantic import Field

from domain import Name, value
from models.chat import Price
from models.contract import Usage


@value
class Decision:
    """One call of a model. ``outcome`` is ``answered``, or the code of the error."""

    at: datetime
    org: Name
    run: Name = ""
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


@value
class ModelUsage:
    """What one model did for one organisation."""

    model: str
    calls: int = 0
    failed: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    cost: Decimal = Decimal(0)
    latency_ms: float = 0.0
    """All calls together."""


@value
class Report:
    """Usage by model, and what the same tokens would have cost with the premium model (D3)."""

    models: tuple[ModelUsage, ...]
    cost: Decimal
    premium_cost: Decimal

    @property
    def saved(self) -> Decimal:
        """Money not spent; negative where choosing cost more than it saved."""
        return self.premium_cost - self.cost

    @property
    def cached_share(self) -> float:
        """Share of the prompt tokens that came from a server's prefix cache."""
        read = sum(each.tokens_in for each in self.models)
        return sum(each.tokens_cached for each in self.models) / read if read else 0.0


class Decisions(Protocol):
    """Keeps decisions."""

    async def record(self, decision: Decision) -> None: ...

    async def latest(self, org: str, *, limit: int = 100, run: str | None = None) -> Sequence[Decision]:
        """The newest first."""
        ...

    async def usage(self, org: str, *, since: datetime | None = None) -> Sequence[ModelUsage]:
        """By model, the most called first."""
        ...


def report(usage: Sequence[ModelUsage], premium: Price) -> Report:
    """Add up, and compare with having asked the premium model every time."""
    read = sum(each.tokens_in for each in usage)
    wrote = sum(each.tokens_out for each in usage)
    return Report(
        models=tuple(usage),
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

    async def usage(self, org: str, *, since: datetime | None = None) -> Sequence[ModelUsage]:
        """See ``Decisions.usage``."""
        by_model: dict[str, list[Decision]] = defaultdict(list)
        for row in self.rows:
            if row.org == org and (since is None or row.at >= since):
                by_model[row.choice].append(row)
        found = [_summed(model, rows) for model, rows in by_model.items()]
        return sorted(found, key=lambda each: (-each.calls, each.model))


def _summed(model: str, rows: Sequence[Decision]) -> ModelUsage:
    return ModelUsage(
        model=model,
        calls=len(rows),
        failed=sum(row.outcome != "answered" for row in rows),
        tokens_in=sum(row.tokens_in for row in rows),
        tokens_out=sum(row.tokens_out for row in rows),
        tokens_cached=sum(row.tokens_cached for row in rows),
        cost=sum((row.cost for row in rows), Decimal(0)),
        latency_ms=sum(row.latency_ms for row in rows),
    )
