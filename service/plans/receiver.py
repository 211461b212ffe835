"""Receiver of payment providers' web hooks: verified, read, taken in once, and answered so that the provider knows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog

from approvals import refusal
from approvals.channels import refused_answer
from approvals.storage import HookAnswer
from domain import Refused
from service.plans.payments import PaymentProvider
from service.plans.standard import StandardPayments
from service.plans.stripe import StripePayments
from service.plans.subscriptions import PlanStore

PROVIDERS: Final[Mapping[str, PaymentProvider]] = {"stripe": StripePayments(), "standard": StandardPayments()}
"""By the names that the file of plans gives them, and their addresses: ``/v1/hooks/payments/NAME``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentWebhooks:
    """Receives. Never raises for what a sender did wrong: that is an answer, too."""

    store: PlanStore
    clock: Callable[[], datetime]

    async def receive(self, name: str, headers: Mapping[str, str], body: bytes) -> HookAnswer:
        """Handle one message; the same one again changes nothing.

        Raises:
            Transient: the database cannot be reached; nothing was taken, the provider sends it again.
        """
        settings = next((each for known, each in self.store.file.payments.items() if known == name), None)
        try:
            if settings is None:
                raise refusal("hook_unknown", f"There is no payment provider {name[:40]!r} here.")
            provider = PROVIDERS[name]
            # Verified before anything is parsed or remembered: a stranger fills no table and reaches no parser.
            provider.verify({key.lower(): text for key, text in headers.items()}, body, settings, self.clock())
            event = provider.read(body)
            outcome = await self.store.receive(name, event)
        except Refused as no:
            # Customers and prices that nobody named are for an operator to name; the provider tries again for days.
            structlog.get_logger("signoff.plans").warning("a payment message was refused", code=no.stable_code)
            return refused_answer(no)
        return HookAnswer(status=200, body={"outcome": outcome, "type": event.kind, "id": event.id})
