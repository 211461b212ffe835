"""What is sent to subscribers, and when again. Pure.

Standard Webhooks (https://www.standardwebhooks.com): the same id on every retry, several signatures
while a secret is being rotated, a thin body.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field
from standardwebhooks import Webhook

from approvals.happenings import Letter, Topic
from domain import Refused, Tier, value

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
class Endpoint:
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

    all: Sequence[Endpoint] = field(default=())

    def endpoints(self, letter: Letter) -> Sequence[str]:
        """Names of those who want this letter."""
        return [e.name for e in self.all if letter.topic in e.topics and (not e.orgs or letter.org in e.orgs)]

    def named(self, name: str) -> Endpoint | None:
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


def body(letter: Letter, kind: Literal["json", "slack"], *, link: str) -> bytes:
    """The bytes to post. Digests and ids, never the action itself: the page behind the link shows it to who may see."""
    told = _slack(letter, link) if kind == "slack" else _plain(letter, link)
    return json.dumps(told, separators=(",", ":")).encode()


def headers(message: str, secrets: Sequence[str], data: bytes, at: datetime) -> dict[str, str]:
    """Standard Webhooks headers: one signature for each secret."""
    signed = " ".join(Webhook(signing_key(secret)).sign(message, at, data.decode()) for secret in secrets)
    return {
        "content-type": "application/json",
        "user-agent": "signoff",
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": signed,
    }


def _plain(letter: Letter, link: str) -> dict[str, Any]:
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


_SAYS: dict[Topic, str] = {
    "approval.pending": "A {tier} action waits for a signature",
    "approval.noted": "A {tier} action went ahead by policy",
    "approval.decided": "A {tier} action is {state}",
    "approval.expired": "Nobody signed a {tier} action in time; it is {state}",
    "approval.escalated": "Half the time is over: a {tier} action still waits for a signature",
}
_ICONS: dict[Tier, str] = {"low": "⚪", "medium": "🔵", "high": "🟠", "critical": "🔴"}


def _slack(letter: Letter, link: str) -> dict[str, Any]:
    """A link and no approve button: nobody signs what they cannot see in full."""
    says = f"{_ICONS[letter.tier]} {_SAYS[letter.topic].format(tier=letter.tier, state=letter.state)}"
    detail = (
        f"run `{_mrkdwn(letter.run)}` · `{letter.action_digest[:23]}…` · until {letter.expires_at:%Y-%m-%d %H:%M} UTC"
    )
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*{says}*"}},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": detail}]},
    ]
    if link:
        button = {"type": "button", "text": {"type": "plain_text", "text": "Read and decide"}, "url": link}
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": says, "blocks": blocks}


def _mrkdwn(text: str) -> str:
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("`", "'")):
        text = text.replace(sign, entity)
    return text


Link = Callable[[Letter], str]
"""The address of the page where the action can be read and decided; empty when there is none."""
