"""Microsoft Teams: Adaptive Cards for a Workflows webhook, and signed messages of an outgoing webhook. Pure.

A message is a decision only where it is nothing but ``approve`` or ``reject``, an approval id and a whole digest, sent
to our webhook by an account of Entra ID. Everything else that people write approves nothing.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from approvals.channels.base import (
    Channel,
    Consent,
    consent_of,
    ensure_one_matches,
    ensure_recent,
    headline,
    invalid_hook,
    json_object,
    lowered,
    member_of,
    untrusted,
    utf8_text,
)
from approvals.events import Notification, PlanNotice
from approvals.rendering import escape, one_line
from approvals.storage.replay_guard import HookAnswer
from domain import Refused
from domain.configuration import SHORTEST_SECRET

_COMMAND = re.compile(
    r"<at>[^<>]{1,100}</at>(?:&nbsp;|\s)*"
    r"([Aa]pprove|[Rr]eject) ([0-9A-Za-z-]{1,40}) (sha256:[0-9a-f]{64})(?:&nbsp;|\s)*"
)
_MAX_STAMP = 40


def ensure_teams_secret(secret: str) -> bytes:
    """The key of a security token, as Teams shows it once: base64 of at least 24 bytes.

    Raises:
        Refused: ``hook_secret_invalid``.
    """
    try:
        key = base64.b64decode(secret, validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < SHORTEST_SECRET:
        raise Refused(
            "The security token of a Teams webhook must be base64 of at least 24 bytes.",
            code="hook_secret_invalid",
            hint="Copy it as Teams shows it when the outgoing webhook is made, with the = at its end.",
        )
    return key


def verify_teams(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> str:
    """Check ``Authorization: HMAC <base64>``, then the time in the signed body. Returns what identifies the message.

    https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-outgoing-webhook
    """
    utf8_text(body)
    scheme, _, signature = lowered(headers).get("authorization", "").partition(" ")
    if scheme != "HMAC":
        raise untrusted("it is not signed by the HMAC scheme")
    macs = [hmac.new(ensure_teams_secret(secret), body, hashlib.sha256).digest() for secret in secrets]
    ensure_one_matches([signature], [base64.b64encode(mac).decode() for mac in macs])
    try:
        stamp = str(member_of(json_object(body), "timestamp"))
        sent_at = datetime.fromisoformat(stamp) if len(stamp) <= _MAX_STAMP else None
    except (Refused, ValueError):
        sent_at = None
    if sent_at is None or sent_at.tzinfo is None:
        raise untrusted("the timestamp is missing or malformed")
    ensure_recent(sent_at, now)
    # The activity's own id is unique within one conversation only: what was signed identifies the message.
    return hashlib.sha256(body).hexdigest()


def parse_teams(body: bytes) -> Consent | None:
    """A message to our webhook that is exactly ``approve|reject <approval id> <digest>``; None for every other one.

    The actor is ``teams:<tenant id>/<object id>``, both from Entra ID. Names are not looked at: people choose them.

    Raises:
        Refused: ``hook_invalid``: a decision that does not say whose it is.
    """
    activity = json_object(body)
    command = _COMMAND.fullmatch(str(member_of(activity, "text")))
    if command is None or activity.get("type") != "message" or activity.get("channelId") != "msteams":
        return None
    choice, approval_id, digest = command.groups()
    sender = activity.get("from")
    tenant = member_of(member_of(activity.get("channelData"), "tenant"), "id")
    account = member_of(sender, "aadObjectId")
    if not (isinstance(tenant, str) and isinstance(account, str) and tenant and account):
        raise invalid_hook("it names no account of Entra ID")
    # Teams' own ids of people begin with 29:, those of bots with 28:.
    kind = "human" if str(member_of(sender, "id")).startswith("29:") else "bot"
    actor = {"provider": "teams", "subject": f"{tenant}/{account}".lower(), "kind": kind}
    return consent_of({"approval_id": approval_id, "action_digest": digest, "decision": choice.lower(), "actor": actor})


def plain_text(text: str) -> str:
    """Text from outside on one line, in which no mention, markup, date function or hidden character is left."""
    return "".join(escape(char) if char in "<>{}&" else char for char in one_line(text))


def render_teams(letter: Notification, link: str) -> dict[str, Any]:
    """An Adaptive Card as the Workflows template "when a webhook request is received" takes it.

    It has a link and no button to sign: nobody signs what they cannot see in full. Values stand in text runs, the one
    element of a card in which Markdown is not read.
    """
    digest = f"{letter.action_digest[:23]}…"
    rows = {"run": plain_text(letter.run), "digest": digest, "until": f"{letter.expires_at:%Y-%m-%d %H:%M} UTC"}
    return _card(headline(letter), [f"{name}  {shown}" for name, shown in rows.items()], link)


def announce_teams(letter: PlanNotice) -> dict[str, Any]:
    return _card("Signoff", [plain_text(letter.title)], "")


def _card(head: str, rows: Sequence[str], link: str) -> dict[str, Any]:
    body: list[dict[str, Any]] = [
        {"type": "TextBlock", "text": head, "weight": "Bolder", "wrap": True},
        *({"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": row}]} for row in rows),
    ]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    if link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Read and decide", "url": link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def answer_teams(answer: HookAnswer) -> HookAnswer:
    """The reply that Teams shows under the message: it shows bodies of 200 only, so refusals are told in words."""
    body = answer.body
    if "code" in body:
        text = f"Not counted ({body['code']}): {body['title']} {body['hint']}"
    elif "state" in body:
        text = f"Counted: {body['state']}, {body['approvals']} of {body['needed']} signed."
    else:
        text = "Nothing was decided. Write approve or reject, the approval id and the whole digest, and nothing else."
    return HookAnswer(status=200, body={"type": "message", "textFormat": "plain", "text": plain_text(text)})


TEAMS = Channel(
    name="teams",
    ensure_secret=ensure_teams_secret,
    verify=verify_teams,
    parse=lambda _, body: parse_teams(body),
    answer=answer_teams,
    render=render_teams,
    announce=announce_teams,
)
