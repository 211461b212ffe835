"""Payments: what a payment provider tells of a subscription, and what that makes of it. Pure.

Messages come twice, late, and in any order. So a subscription is kept as what is newest of each kind (price, paid,
failed, ended): the same messages make the same of it, in whatever order and however often they came.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Literal, Protocol

from pydantic import Field

from domain import value
from service.plans.plans import BillingPlan, PaymentSettings, PlanFile

PaymentState = Literal["paying", "failing", "ended", "pending"]
"""``pending``: nothing was paid yet, so it gives no plan."""
MOST_FAILURES = 50
"""Failed payments of one subscription that are remembered; the first of a row of them is what counts."""
Reference = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]


@value
class SubscriptionUpdate:
    """How a subscription stands at the provider: what it is for, and whether it is paid."""

    subscription: Reference
    customer: Reference
    org: str = Field(default="", max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
    """The organisation that it names itself; empty: the customer decides."""
    prices: tuple[str, ...] = ()
    """Names of what is paid for: price, lookup key, product; the first that is known counts."""
    state: PaymentState
    closed: bool = False
    """It never comes back."""


@value
class InvoiceResult:
    """A bill of a subscription was paid, or could not be."""

    subscription: Reference
    customer: Reference
    org: str = Field(default="", max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")
    paid: bool


@value
class PaymentEvent:
    """One message of a payment provider."""

    id: Reference
    kind: str = Field(max_length=200)
    created_at: datetime
    """When it happened there."""
    change: SubscriptionUpdate | InvoiceResult | None
    """None: it is about something else."""


class PaymentProvider(Protocol):
    """Knows the web hooks of one payment provider."""

    def verify(self, headers: Mapping[str, str], body: bytes, settings: PaymentSettings, now: datetime) -> None:
        """Check who sent this; names of headers are in lower case. Raises ``signature_invalid`` for every doubt."""
        ...

    def read(self, body: bytes) -> PaymentEvent:
        """Read a verified message. Raises ``request_invalid`` for what is none."""
        ...


@value
class PaidSubscription:
    """What is known of a subscription, by the newest message of each kind."""

    provider: str
    id: str
    customer: str
    org: str
    plan: str = ""
    """Empty: no message has said what it is for."""
    plan_at: datetime | None = None
    plan_by: str = ""
    """The message that said so: between two of the same second the greater one counts, in whatever order they came."""
    paid_at: datetime | None = None
    ended_at: datetime | None = None
    closed: bool = False
    failures: tuple[datetime, ...] = ()
    """Since it was paid, oldest first."""

    @property
    def state(self) -> PaymentState:
        """Whether it is paid: what happened last counts; in the same second an end, then a payment, then a failure."""
        others = [at for at in (self.paid_at, *self.failures) if at is not None]
        if self.closed or (self.ended_at is not None and self.ended_at >= max(others, default=self.ended_at)):
            return "ended"
        if self.failures:
            return "failing"
        return "paying" if self.paid_at is not None else "pending"

    @property
    def failing_since(self) -> datetime | None:
        """The first failure after the last payment."""
        return self.failures[0] if self.failures else None


def heard(before: PaidSubscription, event: PaymentEvent, *, plan: str) -> PaidSubscription:
    """The subscription after a message about it; ``plan``: what its price is for."""
    change, at = event.change, event.created_at
    match change:
        case SubscriptionUpdate():
            state: PaymentState = change.state
            by = f"{int(change.closed)} {event.id}"
            newer = before.plan_at is None or (at, by) > (before.plan_at, before.plan_by)
            after = replace(before, plan=plan, plan_at=at, plan_by=by) if newer and plan else before
            after = replace(after, closed=after.closed or change.closed)
        case InvoiceResult():
            state, after = "paying" if change.paid else "failing", before
        case None:
            return before
    match state:
        case "paying":
            after = replace(after, paid_at=max(at, after.paid_at or at))
        case "ended":
            after = replace(after, ended_at=max(at, after.ended_at or at))
        case "failing":
            after = replace(after, failures=tuple(sorted({*after.failures, at})))
        case "pending":
            pass
    failures = tuple(at for at in after.failures if after.paid_at is None or at > after.paid_at)
    return replace(after, failures=failures[:MOST_FAILURES])


Because = Literal["default", "administrator", "subscription", "grace", "unpaid"]
"""Why an organisation has its plan. ``grace``: a payment failed, it goes on for a while; ``unpaid``: that is over."""


@value
class CurrentPlan:
    """The plan of an organisation, and why."""

    name: str
    plan: BillingPlan
    because: Because
    grace_until: datetime | None = None
    missing: str = ""
    """The plan that it should have, but that the file does not have any more."""


_ORDER: Mapping[PaymentState, int] = {"paying": 2, "failing": 1, "ended": 0, "pending": 0}


def current_plan(
    file: PlanFile, *, chosen: str, subscriptions: tuple[PaidSubscription, ...], now: datetime
) -> CurrentPlan:
    """The plan that holds now: what an administrator chose, else what is paid for, else the default."""
    if chosen:
        return _named(file, chosen, "administrator")
    live = [each for each in subscriptions if each.plan and _ORDER[each.state]]
    if not live:
        return _named(file, file.default, "default")
    # The one that is paid for; of several the newest.
    best = max(live, key=lambda each: (_ORDER[each.state], each.plan_at or now, each.id))
    if best.state == "paying" or best.failing_since is None:
        return _named(file, best.plan, "subscription")
    settings = next((each for name, each in file.payments.items() if name == best.provider), None)
    until = best.failing_since + (settings.grace if settings else timedelta(0))
    if now < until:
        return replace(_named(file, best.plan, "grace"), grace_until=until)
    return _named(file, (settings.unpaid_plan if settings else None) or file.default, "unpaid")


def _named(file: PlanFile, name: str, because: Because) -> CurrentPlan:
    if name in file.plans:
        return CurrentPlan(name=name, plan=file.plans[name], because=because)
    return CurrentPlan(name=file.default, plan=file.plans[file.default], because="default", missing=name)
