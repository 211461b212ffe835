"""Messages of payment providers: Stripe's events, signed by a secret of the tests, and the same of one's own system.

The events in ``stripe/`` have the shapes of Stripe's published API description (2026-08); none is of a real account.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from standardwebhooks import Webhook

from service.plans.plans import PaymentSettings

SECRET = "whsec_test_secret_of_the_recorded_events"  # noqa: S105  of these tests alone
OWN_SECRET = f"whsec_{base64.b64encode(b'a secret of these tests alone...').decode()}"
NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
RECORDED = Path(__file__).parent / "stripe"


@dataclass(frozen=True)
class Message:
    """What a provider posts."""

    headers: Mapping[str, str]
    body: bytes


class Sender(Protocol):
    """Sends as one provider does."""

    name: str
    secret: str

    def subscription(self, id: str, at: datetime, **fields: Any) -> bytes: ...  # noqa: A002

    def invoice(self, id: str, at: datetime, **fields: Any) -> bytes: ...  # noqa: A002

    def other(self, id: str, at: datetime) -> bytes: ...  # noqa: A002

    def signed(self, body: bytes, at: datetime, *secrets: str) -> Message: ...


def recorded(name: str) -> dict[str, Any]:
    return json.loads((RECORDED / f"{name}.json").read_text())


class StripeSender:
    """Recorded events, with what a test is about put in."""

    name = "stripe"
    secret = SECRET

    def subscription(
        self,
        id: str,  # noqa: A002
        at: datetime,
        *,
        state: str = "active",
        price: str = "price_team",
        subscription: str = "sub_1",
        customer: str = "cus_acme",
        org: str = "",
    ) -> bytes:
        event = recorded("subscription_deleted" if state == "deleted" else "subscription_updated")
        about = event["data"]["object"]
        about |= {"id": subscription, "customer": customer, "metadata": {"signoff_org": org} if org else {}}
        about["status"] = "canceled" if state == "deleted" else state
        about["items"]["data"][0]["price"] |= {"id": price}
        return _bytes(event, id, at)

    def invoice(
        self,
        id: str,  # noqa: A002
        at: datetime,
        *,
        paid: bool,
        subscription: str = "sub_1",
        customer: str = "cus_acme",
    ) -> bytes:
        event = recorded("invoice_paid" if paid else "invoice_payment_failed")
        about = event["data"]["object"]
        about["customer"] = customer
        about["parent"]["subscription_details"]["subscription"] = subscription
        return _bytes(event, id, at)

    def other(self, id: str, at: datetime) -> bytes:  # noqa: A002
        return _bytes(recorded("customer_created"), id, at)

    def signed(self, body: bytes, at: datetime, *secrets: str) -> Message:
        stamp = str(int(at.timestamp()))
        marks = [
            hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
            for secret in secrets or (SECRET,)
        ]
        return Message({"Stripe-Signature": ",".join([f"t={stamp}", *(f"v1={mark}" for mark in marks)])}, body)


_STATES = {"active": "paying", "past_due": "failing", "deleted": "ended", "canceled": "ended", "incomplete": "pending"}


class OwnSender:
    """The same by Standard Webhooks."""

    name = "standard"
    secret = OWN_SECRET

    def subscription(
        self,
        id: str,  # noqa: A002
        at: datetime,
        *,
        state: str = "active",
        price: str = "price_team",
        subscription: str = "sub_1",
        customer: str = "cus_acme",
        org: str = "",
    ) -> bytes:
        data = {
            "subscription": subscription,
            "customer": customer,
            "org": org,
            "prices": [price],
            "state": _STATES[state],
            "closed": state == "deleted",
        }
        return _bytes({"type": "subscription.changed", "data": data}, id, at)

    def invoice(
        self,
        id: str,  # noqa: A002
        at: datetime,
        *,
        paid: bool,
        subscription: str = "sub_1",
        customer: str = "cus_acme",
    ) -> bytes:
        data = {"subscription": subscription, "customer": customer}
        return _bytes({"type": "invoice.paid" if paid else "invoice.payment_failed", "data": data}, id, at)

    def other(self, id: str, at: datetime) -> bytes:  # noqa: A002
        return _bytes({"type": "customer.renamed"}, id, at)

    def signed(self, body: bytes, at: datetime, *secrets: str) -> Message:
        marks = [Webhook(secret).sign("msg_1", at, body.decode()) for secret in secrets or (OWN_SECRET,)]
        headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp()))}
        return Message({**headers, "webhook-signature": " ".join(marks)}, body)


SENDERS: tuple[Sender, ...] = (StripeSender(), OwnSender())


def settings(sender: Sender, **given: Any) -> PaymentSettings:
    known = {
        "prices": {"price_team": "team", "price_small": "small"},
        "customers": {"cus_acme": "acme"},
        "grace_days": 10,
    }
    return PaymentSettings(secrets=(sender.secret,), **{**known, **given})


def _bytes(event: dict[str, Any], id_: str, at: datetime) -> bytes:
    return json.dumps({**event, "id": id_, "created": int(at.timestamp())}).encode()
