"""Whether a web hook really comes from the integration it names. Pure; every doubt is ``signature_invalid``.

The signature proves the integration, never the person, and never that anybody meant yes.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

from approvals.outgoing import signing_key
from approvals.refusals import refusal
from domain import Refused

TOLERANCE = timedelta(minutes=5)
_MAX_ID = 200


def verify_standard(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> str:
    """Check Standard Webhooks headers against every secret in use. Returns the message id.

    The library is used to sign only: its ``verify`` raises ValueError on a malformed signature,
    UnicodeDecodeError on other bytes than UTF-8, knows one secret, and asks the system for the time.
    """
    lower = {key.lower(): text for key, text in headers.items()}
    message, stamp = lower.get("webhook-id", ""), lower.get("webhook-timestamp", "")
    given = lower.get("webhook-signature", "").split(" ")
    at, text = _moment(stamp, now), _text(body)
    if not (0 < len(message) <= _MAX_ID and message.isascii() and message.isprintable()):
        raise _doubt("webhook-id is missing or malformed")
    wanted = [Webhook(signing_key(secret)).sign(message, at, text) for secret in secrets]
    _ensure_one_matches(given, wanted)
    return message


def verify_slack(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> str:
    """Check a Slack request (``v0`` scheme, hexadecimal signing secrets). Returns its signature as the message id.

    https://api.slack.com/authentication/verifying-requests-from-slack
    """
    lower = {key.lower(): text for key, text in headers.items()}
    stamp, given = lower.get("x-slack-request-timestamp", ""), lower.get("x-slack-signature", "")
    _moment(stamp, now)
    signed = f"v0:{stamp}:{_text(body)}".encode()
    _ensure_one_matches([given], [f"v0={_hmac(secret, signed)}" for secret in secrets])
    return given


def verify_github(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> str:
    """Check ``X-Hub-Signature-256``. Returns the delivery id; there is no time in this scheme, so ids never expire.

    https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    """
    lower = {key.lower(): text for key, text in headers.items()}
    _text(body)
    _ensure_one_matches([lower.get("x-hub-signature-256", "")], [f"sha256={_hmac(secret, body)}" for secret in secrets])
    # The delivery id is a header, which this scheme does not sign: what was signed identifies the message.
    return hashlib.sha256(body).hexdigest()


def _hmac(secret: str, data: bytes) -> str:
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def _ensure_one_matches(given: Sequence[str], wanted: Sequence[str]) -> None:
    """Compare every pair in constant time."""
    pairs = [(a.encode("utf-8", "replace"), b.encode()) for a in given[:10] for b in wanted]
    if not any([hmac.compare_digest(a, b) for a, b in pairs]):  # noqa: C419 - all of them, or the time tells which
        raise _doubt("no signature matches")


def _moment(stamp: str, now: datetime) -> datetime:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 11):  # noqa: PLR2004 - seconds until the year 5138
        raise _doubt("the timestamp is missing or malformed")
    at = datetime.fromtimestamp(int(stamp), tz=UTC)
    if abs(now - at) > TOLERANCE:
        raise _doubt("the timestamp is more than five minutes away")
    return at


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise _doubt("the body is not UTF-8") from None


def _doubt(why: str) -> Refused:
    return refusal("signature_invalid", f"This message cannot be trusted: {why}.")
