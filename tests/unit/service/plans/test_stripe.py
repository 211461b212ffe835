"""Stripe's signatures and events."""

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from service.plans.payments import InvoiceResult, SubscriptionUpdate
from service.plans.plans import PaymentSettings
from service.plans.stripe import StripePayments
from tests.worlds.payments import NOW, SECRET, StripeSender, recorded, settings

STRIPE, SENDER = StripePayments(), StripeSender()
SETTINGS = settings(SENDER)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=8), each, max_size=3),
    max_leaves=8,
)


def test_a_signature_that_stripes_own_package_and_openssl_computed() -> None:
    """By ``stripe.WebhookSignature`` of stripe 16.1.0 and ``openssl dgst -sha256 -hmac``."""
    mark = "31ad67fef8add5858db32e14e1fe25ab67419264d9fec39455bf0379a509c599"
    at = datetime.fromtimestamp(1_793_491_200, UTC)
    body = b'{"id":"evt_1","object":"event"}'
    STRIPE.verify({"stripe-signature": f"t=1793491200,v1={mark},v0={'0' * 64}"}, body, SETTINGS, at)
    with pytest.raises(Refused):
        STRIPE.verify({"stripe-signature": f"t=1793491200,v0={mark}"}, body, SETTINGS, at)
    with pytest.raises(Refused):
        STRIPE.verify({"stripe-signature": f"t=1793491201,v1={mark}"}, body, SETTINGS, at)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=",
        "v1=00",
        "t=now,v1=00",
        "t=1,t=2,v1=00",
        "t=-1,v1=00",
        "t=٣,v1=00",
        "t=99999999999999999999,v1=00",
        "t=1793491200",
        "t=1793491200,v1=é",
        "t=1793491200,v1=" + ",v1=".join(["0" * 64] * 5000),
    ],
)
def test_a_header_that_is_none_is_refused(header: str) -> None:
    with pytest.raises(Refused) as caught:
        STRIPE.verify({"stripe-signature": header}, b"{}", SETTINGS, NOW)
    assert caught.value.stable_code == "signature_invalid"


def test_several_signatures_while_a_secret_is_rotated() -> None:
    old, new = SECRET, "whsec_the_next_secret_of_the_tests"
    body = b"{}"
    for known in ((old,), (new,), (new, old)):
        settings_ = PaymentSettings(secrets=known)
        for sent in ((old, new), (new, old)):
            message = SENDER.signed(body, NOW, *sent)
            STRIPE.verify({"stripe-signature": message.headers["Stripe-Signature"]}, body, settings_, NOW)


@given(st.integers(-2_000, 2_000))
def test_a_message_is_good_for_as_long_as_the_tolerance(late_s: int) -> None:
    message = SENDER.signed(b"{}", NOW)
    headers = {"stripe-signature": message.headers["Stripe-Signature"]}
    now = NOW + timedelta(seconds=late_s)
    if abs(late_s) <= SETTINGS.tolerance_s:
        STRIPE.verify(headers, b"{}", SETTINGS, now)
    else:
        with pytest.raises(Refused):
            STRIPE.verify(headers, b"{}", SETTINGS, now)


def read(name: str) -> object:
    return STRIPE.read(json.dumps(recorded(name)).encode()).change


def test_recorded_events_are_read() -> None:
    made = {"subscription": "sub_1", "customer": "cus_acme", "prices": ("price_team", "prod_Signoff")}
    assert read("subscription_created") == SubscriptionUpdate(**made, state="pending")
    assert read("subscription_updated") == SubscriptionUpdate(**made, state="paying")
    assert read("subscription_deleted") == SubscriptionUpdate(**made, state="ended", closed=True)
    assert read("invoice_paid") == InvoiceResult(subscription="sub_1", customer="cus_acme", paid=True)
    assert read("invoice_payment_failed") == InvoiceResult(subscription="sub_1", customer="cus_acme", paid=False)
    older = InvoiceResult(subscription="sub_1", customer="cus_acme", org="acme", paid=True)
    assert read("invoice_paid_2024") == older
    assert read("customer_created") is None


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("trialing", "paying"),
        ("past_due", "failing"),
        ("unpaid", "failing"),
        ("paused", "ended"),
        ("incomplete_expired", "ended"),
        ("of next year", "pending"),
    ],
)
def test_every_status_is_known_and_a_new_one_changes_no_plan(status: str, state: str) -> None:
    event = recorded("subscription_updated")
    event["data"]["object"]["status"] = status
    change = STRIPE.read(json.dumps(event).encode()).change
    assert isinstance(change, SubscriptionUpdate)
    assert change.state == state


def test_what_was_expanded_and_a_payer_of_the_newer_kind_are_read() -> None:
    event = recorded("subscription_updated")
    about = event["data"]["object"]
    about["customer"], about["customer_account"] = None, "acct_1"
    about["items"]["data"][0]["price"]["product"] = {"id": "prod_whole", "object": "product"}
    about["items"]["data"][0]["price"]["lookup_key"] = "team_monthly"
    about["metadata"] = {"signoff_org": "acme"}
    change = STRIPE.read(json.dumps(event).encode()).change
    assert isinstance(change, SubscriptionUpdate)
    assert (change.customer, change.org) == ("acct_1", "acme")
    assert change.prices == ("price_team", "team_monthly", "prod_whole")


def test_a_bill_without_a_subscription_is_about_nothing_here() -> None:
    event = recorded("invoice_paid")
    event["data"]["object"]["parent"] = None
    assert STRIPE.read(json.dumps(event).encode()).change is None


@given(JSON, st.sampled_from(["customer.subscription.updated", "invoice.paid", "x"]), JSON)
def test_odd_events_are_refused_and_break_nothing(about: object, kind: str, frame: object) -> None:
    for document in (
        {"id": "evt_1", "type": kind, "created": 1, "data": {"object": about}},
        {"id": frame, "type": kind, "created": frame, "data": frame},
        frame,
    ):
        with suppress(Refused):
            STRIPE.read(json.dumps(document).encode())
