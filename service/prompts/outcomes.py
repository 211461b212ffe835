"""Outcomes of each version of a prompt, beside one another: from the rows of the runs that spoke it, no model's word.

A run is counted as it stands now. One that is under way, or that a person cancelled, is in no rate. Forks are left out:
they begin with what another version may have made.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from database import fetch_all
from domain import value
from service.prompts.canaries import FAILED, SUCCEEDED
from service.prompts.tables import PROMPT_RUNS
from service.runs.runs import RUNS
from service.statistics import Interval, wilson

NANO = Decimal(10) ** 9
_R = PROMPT_RUNS.c


@value
class VersionOutcome:
    """What came of the runs that spoke one version of one prompt."""

    name: str
    version: str
    runs: int
    succeeded: int
    failed: int
    cancelled: int
    open: int
    """Under way, or waiting for a person."""
    measured: int
    """Runs whose numbers are known: those that came to rest."""
    cost: Decimal
    """Of all that were measured, in the currency of the catalogue's prices."""
    turns: float
    """Of one run on average, of those that were measured."""
    minutes: float
    """The same, from when it was asked for, without waiting for a person."""
    last_at: datetime

    @property
    def rate(self) -> Interval:
        """Share of the runs that succeeded, of those that succeeded or failed, with its 95 % interval."""
        return wilson(self.succeeded, self.succeeded + self.failed)

    @property
    def cost_per_run(self) -> Decimal:
        return self.cost / self.measured if self.measured else Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptOutcomes:
    """Sums up what came of versions."""

    engine: AsyncEngine

    async def of(self, org: str, *, name: str = "", since: datetime | None = None) -> Sequence[VersionOutcome]:
        """By prompt and version, the version that was spoken last first.

        Args:
            org: whose runs.
            name: only this prompt; empty: all.
            since: only runs that spoke it from then on.
        """
        status, resting = RUNS.c.status, _R.turns.is_not(None)
        query = (
            select(
                _R.name,
                _R.version,
                func.count().label("runs"),
                func.sum(case((status.in_(SUCCEEDED), 1), else_=0)).label("succeeded"),
                func.sum(case((status.in_(FAILED), 1), else_=0)).label("failed"),
                func.sum(case((status == "cancelled", 1), else_=0)).label("cancelled"),
                func.sum(case((resting, 1), else_=0)).label("measured"),
                func.sum(func.coalesce(_R.cost_nano, 0)).label("cost"),
                func.avg(_R.turns).label("turns"),
                func.avg(_R.seconds).label("seconds"),
                func.max(_R.at).label("last_at"),
            )
            .join(RUNS, RUNS.c.id == _R.run)
            .where(_R.org == org, RUNS.c.org == org, RUNS.c.forked_from.is_(None))
            .group_by(_R.name, _R.version)
            .order_by(_R.name, func.max(_R.at).desc())
        )
        query = query.where(_R.name == name) if name else query
        query = query.where(_R.at >= since) if since is not None else query
        return [_outcome(row) for row in await fetch_all(self.engine, query, {})]


def document(outcome: VersionOutcome) -> dict[str, Any]:
    """An outcome as JSON; money as text, so that nothing is rounded."""
    rate = outcome.rate
    return {
        "prompt": outcome.name,
        "version": outcome.version,
        "runs": outcome.runs,
        "succeeded": outcome.succeeded,
        "failed": outcome.failed,
        "cancelled": outcome.cancelled,
        "open": outcome.open,
        "success_rate": round(rate.value, 4) if outcome.succeeded + outcome.failed else None,
        "success_low": round(rate.low, 4),
        "success_high": round(rate.high, 4),
        "measured": outcome.measured,
        "cost": f"{outcome.cost:f}",
        "cost_per_run": f"{outcome.cost_per_run:.6f}",
        "turns_per_run": round(outcome.turns, 2),
        "minutes_per_run": round(outcome.minutes, 2),
        "last_at": outcome.last_at.isoformat(),
    }


def cells(outcome: VersionOutcome) -> tuple[str, ...]:
    """An outcome as people read it: runs, succeeded, interval, and cost, turns and minutes of one run."""
    rate, judged = outcome.rate, outcome.succeeded + outcome.failed
    succeeded = f"{rate.value:.0%}" if judged else "–"
    numbers = (f"{outcome.cost_per_run:.4f}", f"{outcome.turns:.1f}", f"{outcome.minutes:.1f}")
    return (
        str(outcome.runs),
        succeeded,
        f"{rate.low:.0%} to {rate.high:.0%}" if judged else "–",
        *(numbers if outcome.measured else ("–", "–", "–")),
    )


def _outcome(row: Any) -> VersionOutcome:
    # PostgreSQL sums integers as numerics, and both give None for the average of nothing.
    runs, succeeded, failed, cancelled = (int(row[key]) for key in ("runs", "succeeded", "failed", "cancelled"))
    return VersionOutcome(
        name=row["name"],
        version=row["version"],
        runs=runs,
        succeeded=succeeded,
        failed=failed,
        cancelled=cancelled,
        open=runs - succeeded - failed - cancelled,
        measured=int(row["measured"]),
        cost=Decimal(int(row["cost"])) / NANO,
        turns=float(row["turns"] or 0),
        minutes=float(row["seconds"] or 0) / 60,
        last_at=row["last_at"],
    )
