"""Plans as the settings say: who has which, what is counted of them, and the web hooks that change them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import Clock
from approvals.channels import Connections
from approvals.storage import Journal
from models import Database, SelectionContext
from models.wrappers import StoredLedger
from service.errors import refuse
from service.plans.documents import PlanWarnings
from service.plans.metering import PlanAllowance, PlanMetering, PlanUse
from service.plans.notices import PlanNotices
from service.plans.plans import PlanFile, load_plans
from service.plans.receiver import PaymentWebhooks
from service.plans.subscriptions import PlanStore
from service.settings import Settings

MOST_SHOWN = 200
"""Organisations whose use is read at once, for an overview or a page of metrics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plans:
    """Everything about plans, opened; there is none without a file."""

    store: PlanStore
    metering: PlanMetering
    webhooks: PaymentWebhooks
    warnings: PlanWarnings

    @property
    def file(self) -> PlanFile:
        return self.store.file

    async def uses(self) -> tuple[PlanUse, ...]:
        """What organisations used this month, in the order of their names."""
        return tuple([await self.metering.use(org) for org in (await self.store.known())[:MOST_SHOWN]])


def plan_file(settings: Settings) -> PlanFile | None:
    """The file of SIGNOFF_PLANS; without one nothing is limited, and nothing counted. Raises ``plans_invalid``."""
    return load_plans(settings.plans) if settings.plans else None


def open_plans(  # noqa: PLR0917
    settings: Settings,
    file: PlanFile | None,
    engine: AsyncEngine,
    journal: Journal,
    connections: Connections,
    clock: Clock,
) -> Plans | None:
    """Return what counts and changes plans, where there are any."""
    if file is None:
        return None
    notices = PlanNotices(clock=clock, subscriptions=connections.subscriptions)
    store = PlanStore(engine=engine, file=file, clock=clock, journal=journal, notices=notices)
    metering = PlanMetering(
        engine=engine, file=file, clock=clock, notices=notices, home_org=settings.org, named=settings.signers
    )
    return Plans(
        store=store,
        metering=metering,
        webhooks=PaymentWebhooks(store=store, clock=clock),
        warnings=PlanWarnings(metering=metering),
    )


def required(plans: Plans | None) -> Plans:
    """The plans. Raises ``plans_off`` where there are none."""
    if plans is None:
        raise refuse("plans_off", "No plans are configured here: nothing is limited by the month.")
    return plans


async def payers(plans: Plans | None) -> Mapping[str, str]:
    """Stripe's customers by the organisation that they pay for, as far as they are known."""
    return await plans.store.customers("stripe") if plans is not None else {}


def ledgers(
    settings: Settings, database: Database, clock: Clock, plans: Plans | None
) -> Callable[[SelectionContext], StoredLedger]:
    """Return what opens the account of a run: within its budget, and within the plan of its organisation."""
    # What a call may cost is held for longer than it may take; of a process that died it is free by itself.
    hold_s = settings.model_timeout_s + 60

    def ledger(context: SelectionContext) -> StoredLedger:
        return StoredLedger(
            database=database,
            account=f"{context.org}/{context.run}",
            budget=context.task.budget,
            known=context.spent,
            hold_s=hold_s,
            clock=lambda: clock().timestamp(),
            allowance=PlanAllowance(metering=plans.metering, org=context.org, hold_s=hold_s) if plans else None,
        )

    return ledger
