"""What every channel shares: endpoints and their secrets, retries, and the checks of what comes in signed. Pure.

Standard Webhooks (https://www.standardwebhooks.com): the same id on every retry, several signatures while a secret is
being rotated, a thin body. The signature proves the integration, never the person, and never that anybody meant yes:
every doubt is ``signature_invalid``. Consent is typed: a comment, a review text, a chat message, an unknown field, none
of them approves.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from approvals.ballot import Comment
from approvals.errors import refusal
from approvals.events import Notification, Topic
from domain import Choice, OddJson, Refused, read_json, value

DELAYS: tuple[timedelta, ...] = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
"""Before the first attempt, the second, …; then the letter is dead."""

JITTER = 0.1
MIN_SECRET_BYTES = 24
_PREFIX = "whsec_"


@value
class WebhookEndpoint:
    """Somebody who wants to be told."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    url: Annotated[str, Field(max_length=2_000)]
    secrets: tuple[str, ...] = Field(min_length=1, max_length=5, repr=False)
    """``whsec_…``, newest first; each one signs while they are being rotated."""
    kind: Literal["json", "slack"] = "json"
    topics: tuple[Topic, ...] = ("approval.pending", "approval.decided", "approval.expired", "approval.escalated")
    orgs: tuple[str, ...] = ()
    """Empty: every organisation."""

    def __post_init__(self) -> None:
        for secret in self.secrets:
            signing_key(secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriptions:
    """Who is told what, from configuration."""

    all: Sequence[WebhookEndpoint] = field(default=())

    def endpoints(self, letter: Notification) -> Sequence[str]:
        """Names of those who want this letter."""
        return [e.name for e in self.all if letter.topic in e.topics and (not e.orgs or letter.org in e.orgs)]

    def named(self, name: str) -> WebhookEndpoint | None:
        """The endpoint, None when it was removed from the configuration."""
        return next((endpoint for endpoint in self.all if endpoint.name == name), None)


def signing_key(secret: str) -> bytes:
    """The bytes of a ``whsec_`` secret.

    Raises:
        Refused: ``hook_secret_invalid``: not base64, or shorter than 24 bytes.
    """
    try:
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith(_PREFIX) or len(key) < MIN_SECRET_BYTES:
        raise Refused(
            "A web hook secret must be whsec_ and base64 of at least 24 bytes.",
            code="hook_secret_invalid",
            hint='Make one with: echo "whsec_$(openssl rand -base64 32)"',
        )
    return key


def due_again(attempts: int, now: datetime, random: float) -> datetime | None:
    """When to try after this many failures; None: never again. ``random`` in [0, 1) spreads retries out."""
    if attempts >= len(DELAYS):
        return None
    delay = DELAYS[attempts]
    return now + delay * (1 + JITTER * random)


@value
class Actor:
    """Who decided, as the provider names them. Which member that is, only our own identity map says."""

    provider: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")]
    subject: Annotated[str, Field(min_length=1, max_length=200)]
    kind: Literal["human", "bot"] = "human"


@value
class Consent:
    """One typed decision on one digest."""

    approval_id: Annotated[str, Field(max_length=40)]
    action_digest: Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
    decision: Choice
    actor: Actor
    comment: Comment = ""


_CONSENT = TypeAdapter(Consent)


def json_object(body: bytes) -> Mapping[str, Any]:
    try:
        parsed = read_json(body)
    except OddJson as odd:
        raise invalid_hook(f"the body {odd}") from None
    if not isinstance(parsed, dict):
        raise invalid_hook("the body is not a JSON object")
    return parsed


def member_of(parent: Any, key: str) -> Any:
    return parent.get(key, "") if isinstance(parent, dict) else ""


def consent_of(fields: Mapping[str, Any]) -> Consent:
    try:
        return _CONSENT.validate_python(dict(fields))
    except ValidationError as error:
        what = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()[:5])
        raise invalid_hook(what) from None


def invalid_hook(why: str) -> Refused:
    return refusal("hook_invalid", f"This is no decision: {why}.")


TOLERANCE = timedelta(minutes=5)


def hmac_sha256(secret: str, data: bytes) -> str:
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def ensure_one_matches(given: Sequence[str], wanted: Sequence[str]) -> None:
    """Compare every pair in constant time."""
    pairs = [(a.encode("utf-8", "replace"), b.encode()) for a in given[:10] for b in wanted]
    if not any([hmac.compare_digest(a, b) for a, b in pairs]):  # noqa: C419 - all of them, or the time tells which
        raise untrusted("no signature matches")


def timestamp_of(stamp: str, now: datetime) -> datetime:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 11):  # noqa: PLR2004 - seconds until the year 5138
        raise untrusted("the timestamp is missing or malformed")
    at = datetime.fromtimestamp(int(stamp), tz=UTC)
    if abs(now - at) > TOLERANCE:
        raise untrusted("the timestamp is more than five minutes away")
    return at


def utf8_text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise untrusted("the body is not UTF-8") from None


def untrusted(why: str) -> Refused:
    return refusal("signature_invalid", f"This message cannot be trusted: {why}.")
