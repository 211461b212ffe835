"""Slack: messages with a link and no button to approve, and pressed buttons that come in. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from approvals.channels.base import (
    Channel,
    Consent,
    consent_of,
    ensure_long_secret,
    ensure_one_matches,
    headline,
    hmac_sha256,
    invalid_hook,
    json_object,
    lowered,
    member_of,
    timestamp_of,
    utf8_text,
)
from approvals.events import Notification, PlanNotice
from approvals.rendering import one_line


def verify_slack(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> str:
    """Check a Slack request (``v0`` scheme, hexadecimal signing secrets). Returns its signature as the message id.

    https://api.slack.com/authentication/verifying-requests-from-slack
    """
    lower = lowered(headers)
    stamp, signature = lower.get("x-slack-request-timestamp", ""), lower.get("x-slack-signature", "")
    timestamp_of(stamp, now)
    signed = f"v0:{stamp}:{utf8_text(body)}".encode()
    ensure_one_matches([signature], [f"v0={hmac_sha256(secret, signed)}" for secret in secrets])
    # Slack sends no message id. The signature covers the time and every byte, so it is one.
    return signature


def parse_slack(body: bytes) -> Consent | None:
    """A pressed button: ``action_id`` ``signoff.approve`` or ``signoff.reject``, value ``<approval id> <digest>``.

    None for every other interaction.
    """
    fields = parse_qs(body.decode("utf-8"), max_num_fields=20)
    payloads = fields.get("payload") or [""]
    # Readers disagree about which of two fields of one name counts.
    if len(payloads) > 1:
        raise invalid_hook("it has several payloads")
    payload = json_object(payloads[0].encode())
    actions = payload.get("actions")
    if payload.get("type") != "block_actions" or not isinstance(actions, list) or len(actions) != 1:
        return None
    pressed: Any = actions[0]
    name, choice = str(member_of(pressed, "action_id")).partition(".")[::2]
    if name != "signoff" or member_of(pressed, "type") != "button" or choice not in {"approve", "reject"}:
        return None
    approval_id, _, digest = str(member_of(pressed, "value")).partition(" ")
    team, user = member_of(payload.get("team"), "id"), member_of(payload.get("user"), "id")
    actor = {"provider": "slack", "subject": f"{team}/{user}"}
    return consent_of({"approval_id": approval_id, "action_digest": digest, "decision": choice, "actor": actor})


def render_slack(letter: Notification, link: str) -> dict[str, Any]:
    """A link and no approve button: nobody signs what they cannot see in full."""
    says, run = headline(letter), _plain(letter.run)
    detail = f"run `{run}` · `{letter.action_digest[:23]}…` · until {letter.expires_at:%Y-%m-%d %H:%M} UTC"
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": f"*{says}*"}},
        {"type": "context", "elements": [{"type": "mrkdwn", "text": detail}]},
    ]
    if link:
        button = {"type": "button", "text": {"type": "plain_text", "text": "Read and decide"}, "url": link}
        blocks.append({"type": "actions", "elements": [button]})
    return {"text": says, "blocks": blocks}


def announce_slack(letter: PlanNotice) -> dict[str, Any]:
    return {"text": _plain(letter.title)}


def _plain(text: str) -> str:
    """Text from outside on one line, in which nothing is a mention, a link or the end of a code."""
    for sign, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ("`", "'")):
        text = text.replace(sign, entity)
    return one_line(text)


SLACK = Channel(
    name="slack",
    ensure_secret=ensure_long_secret,
    verify=verify_slack,
    parse=lambda _, body: parse_slack(body),
    render=render_slack,
    announce=announce_slack,
)
