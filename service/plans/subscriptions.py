"""Plans of organisations in the database: what administrators chose, and what payment providers told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import RowMapping, bindparam, delete, insert, select, text, union, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from approvals import AuditFact
from approvals.storage import Journal
from database import instant, micros, reading, writing
from domain import value
from service.errors import refuse
from service.plans.notices import PlanNotices
from service.plans.payments import (
    CurrentPlan,
    InvoiceResult,
    PaidSubscription,
    PaymentEvent,
    SubscriptionUpdate,
    current_plan,
    heard,
)
from service.plans.plans import PlanFile
from service.plans.tables import PAYMENT_EVENTS, PLAN_ACCOUNTS, PLAN_SUBSCRIPTIONS, PLAN_USAGE

_S = PLAN_SUBSCRIPTIONS.c
_FIELDS = tuple(field.name for field in fields(PaidSubscription))
_CHOSEN = select(PLAN_ACCOUNTS.c.chosen).where(PLAN_ACCOUNTS.c.org == bindparam("of"))
_SUBSCRIBED = select(PLAN_SUBSCRIPTIONS).where(_S.org == bindparam("of"))
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 8))")

Outcome = Literal["applied", "again", "ignored"]


@value
class Organisation:
    """An organisation and its plan."""

    org: str
    chosen: str = ""
    """What an administrator gave it."""
    current: CurrentPlan
    subscriptions: tuple[PaidSubscription, ...] = ()


async def read_organisation(conn: AsyncConnection, file: PlanFile, org: str, *, now: datetime) -> Organisation:
    """How an organisation stands; one that nobody knows has the default plan."""
    chosen = str((await conn.execute(_CHOSEN, {"of": org})).scalar() or "")
    rows = (await conn.execute(_SUBSCRIBED, {"of": org})).mappings().all()
    subscriptions = tuple(_subscription(row) for row in rows)
    current = current_plan(file, chosen=chosen, subscriptions=subscriptions, now=now)
    return Organisation(org=org, chosen=chosen, current=current, subscriptions=subscriptions)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStore:
    """Who has which plan. Every change is a line of the audit, in the same transaction."""

    engine: AsyncEngine
    file: PlanFile
    clock: Callable[[], datetime]
    journal: Journal
    notices: PlanNotices

    async def of(self, org: str) -> Organisation:
        """How an organisation stands."""
        async with reading(self.engine) as conn:
            return await read_organisation(conn, self.file, org, now=self.clock())

    async def known(self) -> Sequence[str]:
        """Organisations that used something, or have a plan of their own."""
        query = union(select(PLAN_ACCOUNTS.c.org), select(_S.org), select(PLAN_USAGE.c.org))
        async with reading(self.engine) as conn:
            return sorted((await conn.execute(query)).scalars().all())

    async def customers(self, provider: str) -> dict[str, str]:
        """The customer that pays for an organisation at a provider, by organisation."""
        named = {org: customer for customer, org in self._customers(provider).items()}
        query = select(_S.org, _S.customer).where(_S.provider == provider).order_by(_S.plan_at)
        async with reading(self.engine) as conn:
            return {**named, **{str(row.org): str(row.customer) for row in await conn.execute(query)}}

    async def choose(self, org: str, plan: str, *, by: str) -> Organisation:
        """Give an organisation a plan, whatever it pays for; empty: what it pays for counts again.

        Raises:
            Refused: ``plan_unknown``.
        """
        if plan and plan not in self.file.plans:
            raise refuse("plan_unknown", f"There is no plan {plan[:100]!r}.")
        async with writing(self.engine) as conn:
            await self._alone(conn, f"plan {org}")
            before = await read_organisation(conn, self.file, org, now=self.clock())
            await conn.execute(delete(PLAN_ACCOUNTS).where(PLAN_ACCOUNTS.c.org == org))
            if plan:
                await conn.execute(insert(PLAN_ACCOUNTS).values(org=org, chosen=plan, changed_at=self.clock()))
            fact = self._fact(org, by, "plan.set", f"{before.chosen or 'none'} -> {plan or 'none'}")
            await self.journal.append(conn, fact)
            return await self._changed(conn, before, actor=by)

    async def receive(self, provider: str, event: PaymentEvent) -> Outcome:
        """Take in a verified message, once.

        Raises:
            Refused: ``payment_customer_unknown``, ``payment_price_unknown``; nothing was kept, it may come again.
        """
        change = event.change
        if change is None:
            return "ignored"
        row = {"provider": provider, "id": event.id, "kind": event.kind, "created_at": event.created_at}
        try:
            async with writing(self.engine) as conn:
                # First, so that of two at once one fails here, before it changed anything.
                await conn.execute(insert(PAYMENT_EVENTS).values(**row, received_at=self.clock()))
                await self._apply(conn, provider, event, change)
        except IntegrityError:
            async with reading(self.engine) as conn:
                mine = PAYMENT_EVENTS.c.provider == provider, PAYMENT_EVENTS.c.id == event.id
                if (await conn.execute(select(PAYMENT_EVENTS.c.id).where(*mine))).first() is None:
                    raise
            return "again"
        return "applied"

    async def _apply(
        self, conn: AsyncConnection, provider: str, event: PaymentEvent, change: SubscriptionUpdate | InvoiceResult
    ) -> None:
        await self._alone(conn, f"subscription {provider} {change.subscription}")
        mine = _S.provider == provider, _S.id == change.subscription
        row = (await conn.execute(select(PLAN_SUBSCRIPTIONS).where(*mine))).mappings().first()
        known = _subscription(row) if row is not None else None
        org = change.org or (known.org if known else "") or self._customers(provider).get(change.customer, "")
        if not org:
            raise refuse("payment_customer_unknown", f"No organisation is known for the customer {change.customer!r}.")
        await self._alone(conn, f"plan {org}")
        first = known or PaidSubscription(provider=provider, id=change.subscription, customer=change.customer, org=org)
        before = await read_organisation(conn, self.file, org, now=self.clock())
        after = replace(heard(first, event, plan=self._plan(provider, change)), org=org, customer=change.customer)
        columns = {name: getattr(after, name) for name in _FIELDS} | {"failures": [*map(micros, after.failures)]}
        if known is None:
            await conn.execute(insert(PLAN_SUBSCRIPTIONS).values(**columns))
        else:
            await conn.execute(update(PLAN_SUBSCRIPTIONS).where(*mine).values(**columns))
        await self.journal.append(conn, self._fact(org, "", f"payment.{provider}", f"{event.kind} {event.id}"))
        await self._changed(conn, before, actor="")

    def _plan(self, provider: str, change: SubscriptionUpdate | InvoiceResult) -> str:
        """The plan that a price is for; empty: the message says nothing of it. Raises ``payment_price_unknown``."""
        if not isinstance(change, SubscriptionUpdate):
            return ""
        prices = next((each.prices for name, each in self.file.payments.items() if name == provider), {})
        plan = next((prices[name] for name in change.prices if name in prices), "")
        if not plan and change.state != "ended":
            raise refuse("payment_price_unknown", f"No plan is known for {', '.join(change.prices[:3]) or 'no price'}.")
        return plan

    def _customers(self, provider: str) -> dict[str, str]:
        return dict(next((each.customers for name, each in self.file.payments.items() if name == provider), {}))

    async def _changed(self, conn: AsyncConnection, before: Organisation, *, actor: str) -> Organisation:
        """Note in the audit, and tell people, when the plan is another one now, or ends soon."""
        after = await read_organisation(conn, self.file, before.org, now=self.clock())
        was, now = before.current, after.current
        if (was.name, was.because) != (now.name, now.because):
            note = f"{was.name} ({was.because}) -> {now.name} ({now.because})"
            await self.journal.append(conn, self._fact(before.org, actor, "plan.changed", note))
            await self.notices.changed(conn, before.org, now)
        return after

    def _fact(self, org: str, actor: str, verb: str, note: str) -> AuditFact:
        return AuditFact(at=self.clock(), org=org, actor=actor, verb=verb, object=f"plan:{org}", note=note)

    async def _alone(self, conn: AsyncConnection, name: str) -> None:
        """Until the transaction ends. SQLite's writers are alone anyway."""
        if conn.dialect.name == "postgresql":
            await conn.execute(_LOCK, {"name": name})


def _subscription(row: RowMapping) -> PaidSubscription:
    columns: dict[str, Any] = {name: row[name] for name in _FIELDS}
    columns["failures"] = tuple(map(instant, row["failures"]))
    return PaidSubscription(**columns)
