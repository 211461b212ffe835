"""What can be subscribed to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from subscriptions.money import Money


class UnknownPlan(LookupError):
    """No plan of this name is on offer."""


@dataclass(frozen=True)
class Plan:
    """A monthly price with some API calls included; more calls cost ``per_call`` each."""

    name: str
    monthly: Money
    included_calls: int = 0
    per_call: Money = Money(0)

    def overage(self, calls: int) -> Money:
        """The price of the calls beyond those included."""
        return self.per_call * max(calls - self.included_calls, 0)


class Catalogue:
    """All plans on offer, by name."""

    def __init__(self, plans: Iterable[Plan]) -> None:
        self._plans = {plan.name: plan for plan in plans}

    def __getitem__(self, name: str) -> Plan:
        try:
            return self._plans[name]
        except KeyError:
            offered = ", ".join(sorted(self._plans))
            raise UnknownPlan(f"no plan {name!r}; on offer: {offered}") from None
