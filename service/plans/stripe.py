"""Stripe: its web hooks, verified and read (https://docs.stripe.com/webhooks). Pure.

Stripe's own package is not used: it is 31 MB and half a second of imports, of which this would take one HMAC.
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, cast

from pydantic import ValidationError

from approvals import refusal
from domain.configuration import explained
from domain.text import OddJson, read_json
from service.errors import refuse
from service.plans.payments import InvoiceResult, PaymentEvent, PaymentState, SubscriptionUpdate
from service.plans.plans import PaymentSettings

ORG = "signoff_org"
"""The key in the metadata of a subscription whose value is the organisation that it pays for."""
MOST_SIGNATURES = 10
LAST_S = 253_402_300_799
"""The end of the year 9999."""
_SUBSCRIPTION: Final = "customer.subscription."
_CHANGES: Final = {f"{_SUBSCRIPTION}{what}" for what in ("created", "updated", "deleted", "paused", "resumed")}
_INVOICES: Final = {"invoice.paid": True, "invoice.payment_failed": False}
_STATES: Final[Mapping[str, PaymentState]] = {
    "active": "paying",
    "trialing": "paying",
    "past_due": "failing",
    "unpaid": "failing",
    "canceled": "ended",
    "paused": "ended",
    "incomplete_expired": "ended",
    "incomplete": "pending",
}
"""Of a subscription's ``status``."""


class StripePayments:
    """See ``PaymentProvider``."""

    def verify(self, headers: Mapping[str, str], body: bytes, settings: PaymentSettings, now: datetime) -> None:
        """Check ``Stripe-Signature``: ``t=TIME,v1=HMAC,v1=HMAC…``; several while a secret is being rotated."""
        pairs = [part.strip().partition("=") for part in headers.get("stripe-signature", "").split(",")]
        stamps = [text for name, _, text in pairs if name == "t"]
        # Other schemes (v0) are for tests of Stripe's own, and prove nothing.
        signatures = [text for name, _, text in pairs if name == "v1"][:MOST_SIGNATURES]
        if len(stamps) != 1 or not (stamps[0].isascii() and stamps[0].isdigit() and len(stamps[0]) <= 11):  # noqa: PLR2004  seconds until the year 5138
            raise _untrusted("the timestamp is missing or malformed")
        signed = stamps[0].encode() + b"." + body
        expected = [hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest() for secret in settings.secrets]
        # All of them, or the time tells which one matched; bytes, because texts beyond ASCII are not compared.
        pairs_match = [
            hmac.compare_digest(text.encode("utf-8", "replace"), each.encode())
            for text in signatures
            for each in expected
        ]
        if not any(pairs_match):
            raise _untrusted("no signature matches")
        if abs(now.timestamp() - int(stamps[0])) > settings.tolerance_s:
            raise _untrusted(f"it is more than {settings.tolerance_s} seconds old")

    def read(self, body: bytes) -> PaymentEvent:
        """Read an event; of those that are about nothing here only the frame."""
        try:
            document = _object(read_json(body))
        except OddJson as odd:
            raise refuse("request_invalid", f"The body {odd}.") from None
        kind, created = document.get("type"), document.get("created")
        if not isinstance(kind, str) or not isinstance(created, int) or not 0 <= created <= LAST_S:
            raise refuse("request_invalid", "This is no event of Stripe: it has no type, or no time.")
        about = _object(_object(document.get("data")).get("object"))
        try:
            return PaymentEvent(
                id=document.get("id", ""),
                kind=kind,
                created_at=datetime.fromtimestamp(created, UTC),
                change=_change(kind, about),
            )
        except ValidationError as error:
            raise refuse("request_invalid", f"This event cannot be read: {explained(error)}.") from None


def _change(kind: str, about: Mapping[str, Any]) -> SubscriptionUpdate | InvoiceResult | None:
    """Raises ``ValidationError``."""
    # A payer that is an account of Stripe's newer kind has no customer.
    customer = _id(about.get("customer")) or _id(about.get("customer_account"))
    if kind in _CHANGES:
        closed = kind.endswith(".deleted")
        return SubscriptionUpdate(
            subscription=_id(about),
            customer=customer,
            org=_organisation(about),
            prices=_prices(about),
            # A status that is new at Stripe gives no plan, and takes none away.
            state="ended" if closed else _STATES.get(str(about.get("status")), "pending"),
            closed=closed or about.get("status") in {"canceled", "incomplete_expired"},
        )
    if kind in _INVOICES:
        details = _object(_object(about.get("parent")).get("subscription_details"))
        # Since the API version 2025-03-31 it stands under ``parent``.
        subscription = _id(details.get("subscription")) or _id(about.get("subscription"))
        org = _organisation(details) or _organisation(_object(about.get("subscription_details")))
        if subscription:  # a bill of its own is for no plan
            return InvoiceResult(subscription=subscription, customer=customer, org=org, paid=_INVOICES[kind])
    return None


def _prices(subscription: Mapping[str, Any]) -> tuple[str, ...]:
    """What the items of a subscription are called: their prices, lookup keys and products."""
    listed: Any = _object(subscription.get("items")).get("data")
    prices = [
        _object(_object(item).get("price")) for item in cast("list[Any]", listed if isinstance(listed, list) else [])
    ]
    names = [name for price in prices for name in (_id(price), price.get("lookup_key"), _id(price.get("product")))]
    return tuple(name for name in names if isinstance(name, str) and name)


def _organisation(about: Mapping[str, Any]) -> str:
    org = _object(about.get("metadata")).get(ORG)
    return org if isinstance(org, str) else ""


def _id(about: Any) -> str:
    """The id of what is an object where Stripe was asked to expand it, and else its id alone."""
    id_ = _object(about).get("id") if isinstance(about, dict) else about
    return id_ if isinstance(id_, str) else ""


def _object(raw: Any) -> Mapping[str, Any]:
    return cast("Mapping[str, Any]", raw) if isinstance(raw, dict) else {}


def _untrusted(why: str) -> Exception:
    return refusal("signature_invalid", f"This message cannot be trusted: {why}.")
