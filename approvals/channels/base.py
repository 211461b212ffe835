"""Channel: what each of them brings, and what all of them share: endpoints, secrets, retries, checks. Pure.

Standard Webhooks (https://www.standardwebhooks.com): the same id on every retry, several signatures while a secret is
being rotated, a thin body. The signature proves the integration, never the person, and never that anybody meant yes:
every doubt is ``signature_invalid``. Consent is typed: a comment, a review text, a chat message, an unknown field, none
of them approves.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from approvals.ballot import Comment
from approvals.errors import refusal
from approvals.events import Notification, PlanNotice, PlanTopic, Topic
from approvals.storage.replay_guard import HookAnswer
from domain import Refused, Tier, value
from domain.configuration import SHORTEST_SECRET, explained, signing_key
from domain.decision import Choice
from domain.text import OddJson, read_json

DELAYS: tuple[timedelta, ...] = (
    timedelta(0),
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=hours) for hours in (2, 5, 10, 14, 20, 24)),
)
"""Before the first attempt, the second, …; then the letter is dead."""

JITTER = 0.1


@value
class WebhookEndpoint:
    """Somebody who wants to be told."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,100}$")]
    url: str = Field(max_length=2_000, repr=False)
    """A chat's address is a secret, too: who knows it may post there."""
    secrets: tuple[str, ...] = Field(min_length=1, max_length=5, repr=False)
    """``whsec_…``, newest first; each one signs while they are being rotated."""
    kind: Annotated[str, Field(pattern=r"^[a-z]{1,40}$")] = "json"
    """A channel's name: ``registry.RENDERED``."""
    topics: tuple[Topic | PlanTopic, ...] = (
        "approval.pending",
        "approval.decided",
        "approval.expired",
        "approval.escalated",
        "plan.soft_limit",
        "plan.hard_limit",
        "plan.changed",
    )
    orgs: tuple[str, ...] = ()
    """Empty: every organisation."""

    def __post_init__(self) -> None:
        for secret in self.secrets:
            signing_key(secret)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscriptions:
    """Who is told what, from configuration."""

    all: Sequence[WebhookEndpoint] = field(default=())
    elsewhere: Sequence[str] = ()
    """Receivers that are told another way than by a web hook, of all that may need a signature."""

    def endpoints(self, letter: Notification, chosen: Collection[str] = ()) -> Sequence[str]:
        """Names of those who want this letter; of what went ahead by policy, also those that people chose."""
        noted = letter.topic == "approval.noted"
        named = [e.name for e in self.of(letter.org) if letter.topic in e.topics or (noted and e.name in chosen)]
        return named if noted else [*named, *self.elsewhere]

    def of(self, org: str) -> Sequence[WebhookEndpoint]:
        """The endpoints that may be told of an organisation."""
        return [endpoint for endpoint in self.all if not endpoint.orgs or org in endpoint.orgs]

    def announced(self, letter: PlanNotice) -> Sequence[str]:
        """Names of those who want to hear this of an organisation's plan."""
        return [e.name for e in self.all if letter.topic in e.topics and (not e.orgs or letter.org in e.orgs)]

    def named(self, name: str) -> WebhookEndpoint | None:
        """The endpoint, None when it was removed from the configuration."""
        return next((endpoint for endpoint in self.all if endpoint.name == name), None)


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


def unchanged(answer: HookAnswer) -> HookAnswer:
    """Senders that read our own answers get them as they are."""
    return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One way to people: how its messages are verified, read and answered, and how our notifications look in it."""

    name: str
    """What ``kind`` says in ``connections.yaml``."""
    ensure_secret: Callable[[str], object]
    """Raises ``hook_secret_invalid`` for a secret that proves nothing."""
    verify: Callable[[Mapping[str, str], bytes, Sequence[str], datetime], str]
    """Headers, body, secrets, now → the message's id. Raises ``signature_invalid`` for every doubt."""
    parse: Callable[[Mapping[str, str], bytes], Consent | None]
    """Headers, verified body → a typed decision; None for everything else. Raises ``hook_invalid``."""
    answer: Callable[[HookAnswer], HookAnswer] = unchanged
    """How the sender reads an answer."""
    render: Callable[[Notification, str], dict[str, Any]] | None = None
    """A notification and a link (may be empty) → the message to post; None: this channel is told nothing."""
    announce: Callable[[PlanNotice], dict[str, Any]] | None = None
    """What is told of an organisation's plan → the message to post; a channel has it where it has ``render``."""
    tells_as: str = ""
    """The name in ``notify.endpoints``, where it is another one."""


def ensure_long_secret(secret: str) -> None:
    """Refuse a plain text secret of less than 24 bytes."""
    if len(secret.encode()) < SHORTEST_SECRET:
        raise Refused(
            "A web hook secret must have at least 24 bytes.",
            code="hook_secret_invalid",
            hint="Make one with: openssl rand -hex 32",
        )


def lowered(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers by their names in lower case."""
    return {key.lower(): text for key, text in headers.items()}


def json_object(body: bytes) -> Mapping[str, Any]:
    try:
        # ``json.loads`` takes the last of two equal keys; whoever checked the message before us may have seen the
        # first.
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
        raise invalid_hook(explained(error)) from None


def invalid_hook(why: str) -> Refused:
    return refusal("hook_invalid", f"This is no decision: {why}.")


_SAYS: dict[Topic, str] = {
    "approval.pending": "A {tier} action waits for a signature",
    "approval.noted": "A {tier} action went ahead by policy",
    "approval.decided": "A {tier} action is {state}",
    "approval.expired": "Nobody signed a {tier} action in time; it is {state}",
    "approval.escalated": "Half the time is over: a {tier} action still waits for a signature",
}
_ICONS: dict[Tier, str] = {"low": "⚪", "medium": "🔵", "high": "🟠", "critical": "🔴"}


def headline(letter: Notification) -> str:
    """What a chat message begins with. Our own words only: nothing in it comes from outside."""
    return f"{_ICONS[letter.tier]} {_SAYS[letter.topic].format(tier=letter.tier, state=letter.state)}"


TOLERANCE = timedelta(minutes=5)


def hmac_sha256(secret: str, data: bytes) -> str:
    return hmac.new(secret.encode(), data, hashlib.sha256).hexdigest()


def ensure_one_matches(signatures: Sequence[str], expected: Sequence[str]) -> None:
    """Compare every pair in constant time."""
    # ``compare_digest`` takes no text beyond ASCII. Ten at most: a header could bring thousands.
    pairs = [(a.encode("utf-8", "replace"), b.encode()) for a in signatures[:10] for b in expected]
    if not any([hmac.compare_digest(a, b) for a, b in pairs]):  # noqa: C419 - all of them, or the time tells which
        raise untrusted("no signature matches")


def timestamp_of(stamp: str, now: datetime) -> datetime:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 11):  # noqa: PLR2004 - seconds until the year 5138
        raise untrusted("the timestamp is missing or malformed")
    at = datetime.fromtimestamp(int(stamp), tz=UTC)
    ensure_recent(at, now)
    return at


def ensure_recent(at: datetime, now: datetime) -> None:
    """Refuse a message of another time: it may be a copy."""
    if abs(now - at) > TOLERANCE:
        raise untrusted("the timestamp is more than five minutes away")


def utf8_text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        raise untrusted("the body is not UTF-8") from None


def untrusted(why: str) -> Refused:
    return refusal("signature_invalid", f"This message cannot be trusted: {why}.")
