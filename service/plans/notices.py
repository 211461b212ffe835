"""Notices about plans: letters to who is told of approvals (``notify.endpoints``), once for each end of each limit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Table
from sqlalchemy.dialects.postgresql import insert as insert_postgres
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from approvals import PlanNotice
from approvals.channels import Subscriptions
from approvals.storage import post
from domain import value
from service.plans.payments import CurrentPlan
from service.plans.plans import Level, Meter, renews
from service.plans.tables import PLAN_NOTICES


async def insert_once(conn: AsyncConnection, table: Table, row: dict[str, Any]) -> bool:
    """Write a row unless one of its key is there; whether it was written."""
    insert = insert_sqlite if conn.dialect.name == "sqlite" else insert_postgres
    first = next(iter(table.primary_key))
    written = insert(table).values(**row).on_conflict_do_nothing().returning(first)
    return (await conn.execute(written)).first() is not None


@value
class ReachedLimit:
    """An end of a limit that an organisation has reached in a month."""

    org: str
    month: str
    plan: str
    meter: Meter
    level: Level
    used: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanNotices:
    """Writes letters in the transaction of what they tell of."""

    clock: Callable[[], datetime]
    subscriptions: Subscriptions = field(default_factory=Subscriptions)

    async def reached(self, conn: AsyncConnection, end: ReachedLimit) -> None:
        """Tell that an end of a limit is reached, the first time in a month."""
        row = {name: getattr(end, name) for name in ("org", "month", "meter", "level", "most")}
        if not await insert_once(conn, PLAN_NOTICES, row):
            return
        renews_at = renews(end.month)
        rest = "It goes on."
        if end.level == "hard":
            until = "" if end.meter == "seats" else f" until {renews_at:%Y-%m-%d} (UTC)"
            rest = f"Nothing more of it is begun{until}."
        notice = PlanNotice(
            topic="plan.hard_limit" if end.level == "hard" else "plan.soft_limit",
            org=end.org,
            title=f"{end.org} has used {end.used:,} of {end.most:,} {end.meter} of the plan {end.plan}. {rest}",
            facts={
                "plan": end.plan,
                "limit": end.meter,
                "used": str(end.used),
                "most": str(end.most),
                "month": end.month,
                "renews_at": renews_at.isoformat(),
            },
            at=self.clock(),
        )
        await self._post(conn, notice)

    async def changed(self, conn: AsyncConnection, org: str, current: CurrentPlan) -> None:
        """Tell that an organisation has another plan, or that a payment for it failed."""
        title, until = f"{org} has the plan {current.name} now ({current.because}).", ""
        if current.grace_until is not None:
            until = current.grace_until.isoformat()
            day = f"{current.grace_until:%Y-%m-%d}"
            title = f"A payment of {org} failed. The plan {current.name} goes on until {day} (UTC)."
        facts = {"plan": current.name, "because": current.because, **({"grace_until": until} if until else {})}
        await self._post(conn, PlanNotice(topic="plan.changed", org=org, title=title, facts=facts, at=self.clock()))

    async def _post(self, conn: AsyncConnection, notice: PlanNotice) -> None:
        for endpoint in self.subscriptions.announced(notice):
            await post(conn, notice, org=notice.org, at=self.clock(), endpoint=endpoint)
