"""Standard Webhooks of a billing system of one's own (https://www.standardwebhooks.com), in our own words. Pure.

{"id": "…", "type": "subscription.changed", "created": 1793491200,
 "data": {"subscription": "…", "customer": "…", "org": "acme", "prices": ["team"], "state": "paying"}}
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from pydantic import Field, TypeAdapter, ValidationError

from approvals.channels import verify_standard
from domain import value
from domain.configuration import explained
from domain.text import OddJson, read_json
from service.errors import refuse
from service.plans.payments import InvoiceResult, PaymentEvent, Reference, SubscriptionUpdate
from service.plans.plans import PaymentSettings
from service.plans.stripe import LAST_S


@value
class BillingMessage:
    """The body of a message."""

    id: Reference
    type: str = Field(max_length=200)
    created: int = Field(ge=0, le=LAST_S)
    data: dict[str, Any] = Field(default_factory=dict[str, Any])


_MESSAGE: Final = TypeAdapter(BillingMessage)
_UPDATE: Final = TypeAdapter(SubscriptionUpdate)
_RESULT: Final = TypeAdapter(InvoiceResult)


class StandardPayments:
    """See ``PaymentProvider``."""

    def verify(self, headers: Mapping[str, str], body: bytes, settings: PaymentSettings, now: datetime) -> None:
        """Check the headers; the scheme itself allows five minutes, whatever ``tolerance_s`` says."""
        verify_standard(headers, body, settings.secrets, now)

    def read(self, body: bytes) -> PaymentEvent:
        """Read ``subscription.changed``, ``invoice.paid``, ``invoice.payment_failed``; the rest is ignored."""
        try:
            message = _MESSAGE.validate_python(read_json(body))
            change: SubscriptionUpdate | InvoiceResult | None = None
            if message.type == "subscription.changed":
                change = _UPDATE.validate_python(message.data)
            elif message.type in {"invoice.paid", "invoice.payment_failed"}:
                change = _RESULT.validate_python({**message.data, "paid": message.type == "invoice.paid"})
        except OddJson as odd:
            raise refuse("request_invalid", f"The body {odd}.") from None
        except ValidationError as error:
            raise refuse("request_invalid", f"This message cannot be read: {explained(error)}.") from None
        return PaymentEvent(
            id=message.id,
            kind=message.type,
            created_at=datetime.fromtimestamp(message.created, UTC),
            change=change,
        )
