"""Outcomes of runs: which model wrote the change after which kind of failure, and whether it was proved (E3)."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy import case, desc, func, insert, select

from domain import value
from domain.evidence import FailureKind
from domain.work import Name
from models.tables import OUTCOMES, Database

LAST = 200
"""So many outcomes of a kind count, the newest: models and repositories change."""
_C = OUTCOMES.c
_INSERT = insert(OUTCOMES)


@value
class RunOutcome:
    """One run, or one of several models that tried in it."""

    at: datetime
    org: Name
    run: Name
    failure: FailureKind
    """What the acceptance command failed with before anything was changed; ``general``: it passed."""
    model: Name
    """As it was asked."""
    succeeded: bool


@value
class SuccessRate:
    """What came of the runs of one model."""

    model: str
    runs: int
    succeeded: int


class RunOutcomes(Protocol):
    """Keeps outcomes."""

    async def record(self, outcome: RunOutcome) -> None:
        """Take one in; the same run and model again counts once."""
        ...

    async def rates(self, org: str, failure: FailureKind, *, last: int = LAST) -> Sequence[SuccessRate]:
        """By model, of the newest outcomes of a kind."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryOutcomes:
    """The twin: outcomes of one process."""

    rows: dict[tuple[str, str, str], RunOutcome] = field(default_factory=dict[tuple[str, str, str], RunOutcome])

    async def record(self, outcome: RunOutcome) -> None:
        """See ``RunOutcomes.record``."""
        self.rows.setdefault((outcome.org, outcome.run, outcome.model), outcome)

    async def rates(self, org: str, failure: FailureKind, *, last: int = LAST) -> Sequence[SuccessRate]:
        """See ``RunOutcomes.rates``."""
        mine = [row for row in self.rows.values() if (row.org, row.failure) == (org, failure)]
        by_model: dict[str, list[bool]] = defaultdict(list)
        for row in sorted(mine, key=lambda each: each.at)[-last:]:
            by_model[row.model].append(row.succeeded)
        return [SuccessRate(model=name, runs=len(each), succeeded=sum(each)) for name, each in sorted(by_model.items())]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredOutcomes:
    """Outcomes of all processes."""

    database: Database

    async def record(self, outcome: RunOutcome) -> None:
        """See ``RunOutcomes.record``."""
        key = (_C.org == outcome.org) & (_C.run == outcome.run) & (_C.model == outcome.model)
        async with self.database.write() as connection:
            if (await connection.execute(select(_C.id).where(key))).first() is not None:
                return
            row = {name: getattr(outcome, name) for name in ("at", "org", "run", "failure", "model", "succeeded")}
            await connection.execute(_INSERT, row)

    async def rates(self, org: str, failure: FailureKind, *, last: int = LAST) -> Sequence[SuccessRate]:
        """See ``RunOutcomes.rates``."""
        newest = (
            select(_C.model, _C.succeeded)
            .where(_C.org == org, _C.failure == failure)
            .order_by(desc(_C.at), desc(_C.id))
            .limit(last)
            .subquery()
        )
        won = func.sum(case((newest.c.succeeded, 1), else_=0))
        query = select(newest.c.model, func.count(), won).group_by(newest.c.model).order_by(newest.c.model)
        async with self.database.engine.connect() as connection:
            rows = (await connection.execute(query)).all()
        return [SuccessRate(model=name, runs=int(runs), succeeded=int(good)) for name, runs, good in rows]
