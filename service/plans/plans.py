"""Plans: how much an organisation may use in a month, by the YAML file of SIGNOFF_PLANS. Pure, but for reading it.

A month is one of the calendar, in UTC. A limit has two ends: from ``soft`` on people are warned, at ``hard`` nothing
more is begun. What a plan does not name is not limited.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field

from domain import Refused, value
from domain.configuration import configured

Meter = Literal["requests", "tokens", "runs", "seats"]
"""Questions to models that used something, their tokens, runs that were begun, people who can log in."""
METERS: tuple[Meter, ...] = get_args(Meter)
Level = Literal["soft", "hard"]
PlanName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]


@value
class PlanLimit:
    """How much of one thing. None at both ends: there is no limit."""

    soft: int | None = Field(default=None, ge=1)
    hard: int | None = Field(default=None, ge=0)

    def __post_init__(self) -> None:
        if self.soft is not None and self.hard is not None and self.soft > self.hard:
            raise ValueError("`soft` is above `hard`")

    def level(self, used: int) -> Level | None:
        """Which end so much has reached."""
        if self.hard is not None and used >= self.hard:
            return "hard"
        return "soft" if self.soft is not None and used >= self.soft else None

    def share(self, used: int) -> float | None:
        """The part that is used of the hard end, or of the soft one where there is no other; None without a limit."""
        most = self.hard if self.hard is not None else self.soft
        return None if most is None else used / most if most else 1.0


def _number_as_hard(raw: Any) -> Any:
    return {"hard": raw} if isinstance(raw, int) and not isinstance(raw, bool) else raw


WrittenLimit = Annotated[PlanLimit, BeforeValidator(_number_as_hard)]
"""In the file a number alone is the hard end."""


@value
class BillingPlan:
    """One plan, as the file has it."""

    title: str = Field(default="", max_length=200)
    warn_at: float = Field(default=0.8, gt=0, le=1)
    """Share of a hard end from which people are warned, where no soft end is written."""
    requests: WrittenLimit = Field(default_factory=PlanLimit)
    tokens: WrittenLimit = Field(default_factory=PlanLimit)
    runs: WrittenLimit = Field(default_factory=PlanLimit)
    seats: WrittenLimit = Field(default_factory=PlanLimit)

    def limit(self, meter: Meter) -> PlanLimit:
        """Both ends of a limit."""
        limit: PlanLimit = getattr(self, meter)
        if limit.soft is not None or not limit.hard:
            return limit
        return PlanLimit(soft=max(1, math.ceil(limit.hard * self.warn_at)), hard=limit.hard)


@value
class PaymentSettings:
    """What is known of a payment provider: its secrets, what its prices and customers are called here."""

    secrets: tuple[Annotated[str, Field(min_length=16)], ...] = Field(min_length=1, max_length=5, repr=False)
    """Of its web hook, newest first; each is good while they are being rotated."""
    prices: Mapping[str, PlanName] = Field(default_factory=dict[str, str])
    """Its prices, products or lookup keys, and the plans that they pay for."""
    customers: Mapping[str, str] = Field(default_factory=dict[str, str])
    """Its customers, and the organisations that they pay for, where the subscription does not say so itself."""
    grace_days: float = Field(default=14, ge=0, le=365)
    """How long a plan goes on after a payment failed."""
    unpaid_plan: PlanName | None = None
    """The plan after that. None: the default plan."""
    tolerance_s: int = Field(default=300, ge=1, le=3_600)
    """How old a message may be."""

    @property
    def grace(self) -> timedelta:
        """See ``grace_days``."""
        return timedelta(days=self.grace_days)


@value
class PlanFile:
    """The whole file."""

    plans: Annotated[Mapping[PlanName, BillingPlan], Field(min_length=1, max_length=100)]
    default: PlanName
    """The plan of an organisation that nobody gave another one."""
    upgrade: str = Field(default="", max_length=500)
    """Where people get a larger plan: an address, or words. It ends every error about a limit."""
    payments: Mapping[Literal["stripe", "standard"], PaymentSettings] = Field(
        default_factory=dict[Literal["stripe", "standard"], PaymentSettings]
    )
    """Payment providers whose web hooks change plans."""

    def __post_init__(self) -> None:
        named = {self.default}
        for provider in self.payments.values():
            named |= {*provider.prices.values(), *filter(None, (provider.unpaid_plan,))}
        if unknown := sorted(named - self.plans.keys()):
            raise ValueError(f"there is no plan {', '.join(unknown)}")

    @property
    def secrets(self) -> tuple[str, ...]:
        """For redaction."""
        return tuple(secret for provider in self.payments.values() for secret in provider.secrets)


def load_plans(path: Path) -> PlanFile:
    """Read the file, and the secret files that it names (``file:stripe-secret``).

    Raises:
        Refused: ``plans_invalid``, with what to change.
    """
    try:
        return configured(
            PlanFile,
            path.read_text(encoding="utf-8"),
            lambda name: (path.parent / name).read_text(encoding="utf-8"),
        )
    except (OSError, ValueError) as error:
        raise Refused(
            f"{path} cannot be used: {error}.",
            code="plans_invalid",
            hint="Compare it with the example in docs/plans.md.",
        ) from None


def month_of(at: datetime) -> str:
    """The month that a moment is counted in: ``2026-11``."""
    return f"{at.astimezone(UTC):%Y-%m}"


def begins(month: str) -> datetime:
    """The first moment of a month."""
    return datetime(int(month[:4]), int(month[5:]), 1, tzinfo=UTC)


def renews(month: str) -> datetime:
    """The first moment of the next month: then everything but seats is counted from zero again."""
    return begins(month_of(begins(month) + timedelta(days=31)))
