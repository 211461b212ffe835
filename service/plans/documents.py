"""Documents of plans: the same JSON on the command line and over HTTP, and one line for the header of an answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from service.plans.metering import PlanMetering, PlanUse
from service.plans.plans import METERS, BillingPlan

FRESH_S = 10.0
"""So long a warning is not read again: each answer of the API has it."""


def plan_document(name: str, plan: BillingPlan, *, is_default: bool) -> dict[str, Any]:
    """A plan and its limits; those that are not there are left out."""
    limits = {meter: plan.limit(meter) for meter in METERS}
    return {
        "name": name,
        "title": plan.title,
        "default": is_default,
        "limits": {
            meter: {"soft": limit.soft, "hard": limit.hard}
            for meter, limit in limits.items()
            if limit.soft is not None or limit.hard is not None
        },
    }


def use_document(use: PlanUse) -> dict[str, Any]:
    """What an organisation used of its plan this month."""
    current = use.current
    return {
        "org": use.org,
        "plan": current.name,
        "because": current.because,
        "missing": current.missing or None,
        "grace_until": current.grace_until,
        "month": use.month,
        "renews_at": use.renews_at,
        "used": {
            each.meter: {
                "used": each.used,
                "soft": each.limit.soft,
                "hard": each.limit.hard,
                "share": None if each.share is None else round(each.share, 4),
                "reached": each.limit.level(each.used),
            }
            for each in use.meters
        },
    }


def warning_line(use: PlanUse) -> str:
    """What has reached an end of its limit, for the header ``x-signoff-plan``; empty: nothing has."""
    parts = [f"{each.meter}={each.used}/{each.limit.hard or each.limit.soft}" for each in use.warnings]
    if use.current.grace_until is not None:
        parts.append(f"payment=failed; grace={use.current.grace_until:%Y-%m-%dT%H:%M:%SZ}")
    return "; ".join((use.current.name, *parts, f"renews={use.renews_at:%Y-%m-%dT%H:%M:%SZ}")) if parts else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanWarnings:
    """The warnings of organisations, read again after ``FRESH_S``."""

    metering: PlanMetering
    monotonic: Callable[[], float] = time.monotonic
    lines: dict[str, tuple[float, str]] = field(default_factory=dict[str, tuple[float, str]])

    async def of(self, org: str) -> str:
        """See ``warning_line``."""
        read_at, line = self.lines.get(org, (float("-inf"), ""))
        if self.monotonic() - read_at >= FRESH_S:
            line = warning_line(await self.metering.use(org))
            self.lines[org] = (self.monotonic(), line)
        return line
