"""Standard Webhooks: headers and bodies of what is sent, and signed decisions that come in. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from standardwebhooks import Webhook

from approvals.channels.base import (
    Channel,
    Consent,
    consent_of,
    ensure_one_matches,
    json_object,
    lowered,
    timestamp_of,
    untrusted,
    utf8_text,
)
from approvals.events import Notification, PlanNotice
from domain.configuration import signing_key


def verify_standard(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> str:
    """Check Standard Webhooks headers against every secret in use. Returns the message id.

    The library is used to sign only: its ``verify`` raises ValueError on a malformed signature,
    UnicodeDecodeError on other bytes than UTF-8, knows one secret, and asks the system for the time.
    """
    lower = lowered(headers)
    message, stamp = lower.get("webhook-id", ""), lower.get("webhook-timestamp", "")
    signatures = lower.get("webhook-signature", "").split(" ")
    at, text = timestamp_of(stamp, now), utf8_text(body)
    if not (0 < len(message) <= _MAX_ID and message.isascii() and message.isprintable()):
        raise untrusted("webhook-id is missing or malformed")
    expected = [Webhook(signing_key(secret)).sign(message, at, text) for secret in secrets]
    ensure_one_matches(signatures, expected)
    return message


_MAX_ID = 200


def parse_standard(body: bytes) -> Consent:
    """``{approval_id, action_digest, decision, actor: {provider, subject}, comment}`` and nothing else."""
    return consent_of(json_object(body))


def signed_headers(message: str, secrets: Sequence[str], data: bytes, at: datetime) -> dict[str, str]:
    """Standard Webhooks headers: one signature for each secret."""
    signed = " ".join(Webhook(signing_key(secret)).sign(message, at, data.decode()) for secret in secrets)
    return {
        "content-type": "application/json",
        "user-agent": "signoff",
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signed,
    }


def render_standard(letter: Notification, link: str) -> dict[str, Any]:
    return {
        "type": letter.topic,
        "timestamp": letter.at.isoformat(),
        "data": {
            "approval_id": letter.ballot,
            "action_digest": letter.action_digest,
            "org": letter.org,
            "run": letter.run,
            "tier": letter.tier,
            "state": letter.state,
            "expires_at": letter.expires_at.isoformat(),
            "link": link,
        },
    }


def announce_standard(letter: PlanNotice) -> dict[str, Any]:
    data = {"org": letter.org, "title": letter.title, **letter.facts}
    return {"type": letter.topic, "timestamp": letter.at.isoformat(), "data": data}


STANDARD = Channel(
    name="standard",
    ensure_secret=signing_key,
    verify=verify_standard,
    parse=lambda _, body: parse_standard(body),
    render=render_standard,
    announce=announce_standard,
    tells_as="json",
)
