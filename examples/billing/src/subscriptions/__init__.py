"""Monthly invoices for plans, metered usage and coupons."""

from subscriptions.coupons import Coupon
from subscriptions.invoicing import Invoice, Line, invoice
from subscriptions.money import Money
from subscriptions.periods import Period, period
from subscriptions.plans import Catalogue, Plan, UnknownPlan
from subscriptions.proration import prorate
from subscriptions.rendering import render
from subscriptions.subscription import PlanChange, Subscription
from subscriptions.usage import Meter, Reading

__all__ = [
    "Catalogue",
    "Coupon",
    "Invoice",
    "Line",
    "Meter",
    "Money",
    "Period",
    "Plan",
    "PlanChange",
    "Reading",
    "Subscription",
    "UnknownPlan",
    "invoice",
    "period",
    "prorate",
    "render",
]
