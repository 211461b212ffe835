"""Hooks under test, and senders that sign like the real ones."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from standardwebhooks import Webhook

from approvals import Ballot, Voting
from approvals.channels import InboundWebhooks, Integration
from approvals.storage import StoredReplayGuard
from tests.worlds.approvals import World

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # noqa: S105 - of the tests
OLD_SECRET = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="  # noqa: S105
PLAIN_SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105
TOKEN = "vqF0En+Z0ucuRTM/01o2GuhMH3hKKk/N2bOmlM31zaA="  # noqa: S105 - the one of Microsoft's sample
TENANT, ACCOUNT = "72f988bf-86f1-41af-91ab-2d7cd011db47", "7faf8a8e-5c83-4b7f-9a2c-1f6f3a9a2c11"


def hooks(world: World) -> InboundWebhooks:
    """An integration of acme for every channel; vera is known to each of them."""
    world.stage.human("vera")
    members = {"idp:u-1": "vera", "slack:T1/U1": "vera", "github:42": "vera", f"teams:{TENANT}/{ACCOUNT}": "vera"}
    members |= {"idp:u-2": "rita"}
    return InboundWebhooks(
        voting=Voting(ballots=world.ballots, clock=world.stage.clock),
        people=world.stage.people,
        memory=StoredReplayGuard(engine=world.engine, clock=world.stage.clock),
        clock=world.stage.clock,
        integrations=(
            Integration(name="ci", org="acme", secrets=(SECRET, OLD_SECRET), members=members),
            Integration(name="slack", org="acme", secrets=(PLAIN_SECRET,), kind="slack", members=members),
            Integration(name="github", org="acme", secrets=(PLAIN_SECRET,), kind="github", members=members),
            Integration(name="teams", org="acme", secrets=(TOKEN,), kind="teams", members=members),
        ),
    )


def message(ballot: Ballot, decision: str = "approve", subject: str = "u-1", **other: Any) -> bytes:
    told = {
        "approval_id": ballot.id,
        "action_digest": ballot.action_digest,
        "decision": decision,
        "actor": {"provider": "idp", "subject": subject},
        **other,
    }
    return json.dumps(told).encode()


def signed(id_: str, body: bytes, at: datetime, secret: str) -> dict[str, str]:
    """Headers of the Standard Webhooks library itself."""
    signature = Webhook(secret).sign(id_, at, body.decode())
    return {"webhook-id": id_, "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": signature}


def slack_press(ballot: Ballot, choice: str = "approve", **other: Any) -> bytes:
    pressed = {"type": "button", "action_id": f"signoff.{choice}", "value": f"{ballot.id} {ballot.action_digest}"}
    payload = {"type": "block_actions", "user": {"id": "U1"}, "team": {"id": "T1"}, "actions": [pressed], **other}
    return urlencode({"payload": json.dumps(payload)}).encode()


def slack_signed(body: bytes, at: datetime) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    mac = hmac.new(PLAIN_SECRET.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": f"v0={mac}"}


def github_press(ballot: Ballot, choice: str = "approve", sender: str = "User") -> bytes:
    return json.dumps(
        {
            "action": "requested_action",
            "requested_action": {"identifier": choice},
            "check_run": {"external_id": f"{ballot.id} {ballot.action_digest}"},
            "sender": {"id": 42, "login": "vera", "type": sender},
        }
    ).encode()


def github_signed(body: bytes, event: str = "check_run") -> dict[str, str]:
    mac = hmac.new(PLAIN_SECRET.encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={mac}", "X-GitHub-Event": event, "X-GitHub-Delivery": "d-1"}


def teams_message(
    ballot: Ballot | None, at: datetime, choice: str = "approve", *, text: str = "", **other: Any
) -> bytes:
    """An activity as an outgoing webhook of Teams posts it."""
    wrote = text or (f"<at>Signoff</at> {choice} {ballot.id} {ballot.action_digest}\n" if ballot else "")
    activity = {
        "type": "message",
        "id": "1485983408511",
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}.5084920Z",
        "serviceUrl": "https://smba.trafficmanager.net/amer/",
        "channelId": "msteams",
        "from": {"id": "29:1XJKJMvc5GBtc2JwZq0oj8tHZmzrQgFmB39ATiQWA85gQ", "name": "Vera", "aadObjectId": ACCOUNT},
        "conversation": {
            "isGroup": True,
            "conversationType": "channel",
            "id": "19:253b1f341670408fb6fe51050b6e5ceb@thread.tacv2;messageid=1485983194839",
        },
        "textFormat": "plain",
        "text": wrote,
        "attachments": [{"contentType": "text/html", "content": f"<div>{wrote}</div>"}],
        "entities": [{"type": "clientInfo", "locale": "en-US", "platform": "Web"}],
        "channelData": {
            "teamsChannelId": "19:253b1f341670408fb6fe51050b6e5ceb@thread.tacv2",
            "teamsTeamId": "19:712c61d0ef384e5fa681ba90ca943398@thread.tacv2",
            "tenant": {"id": TENANT},
        },
        **other,
    }
    return json.dumps(activity).encode()


def teams_signed(body: bytes, token: str = TOKEN) -> dict[str, str]:
    mac = hmac.new(base64.b64decode(token), body, hashlib.sha256).digest()
    return {"Authorization": f"HMAC {base64.b64encode(mac).decode()}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One channel, as its provider sends. ``tests/contract/test_channels.py`` needs one for every channel."""

    integration: str
    press: Callable[[Ballot, datetime, str], bytes]
    """A decision: ``approve`` or ``reject``."""
    sign: Callable[[bytes, datetime], dict[str, str]]
    chat: Callable[[datetime], bytes]
    """What people write there without deciding anything."""
    stranger: Callable[[Ballot, datetime], bytes]
    """The same decision by a person whom our map does not know."""
    timed: bool = True
    """Whether the scheme signs a time."""


SENDERS: dict[str, Sender] = {
    "standard": Sender(
        integration="ci",
        press=lambda ballot, _, choice: message(ballot, choice),
        sign=lambda body, at: signed(hashlib.sha256(body).hexdigest(), body, at, SECRET),
        chat=lambda _: json.dumps({"text": "approved, go ahead"}).encode(),
        stranger=lambda ballot, _: message(ballot, subject="u-999"),
    ),
    "slack": Sender(
        integration="slack",
        press=lambda ballot, _, choice: slack_press(ballot, choice),
        sign=slack_signed,
        chat=lambda _: urlencode({"payload": json.dumps({"type": "message", "text": "approved"})}).encode(),
        stranger=lambda ballot, _: slack_press(ballot, user={"id": "U999"}),
    ),
    "github": Sender(
        integration="github",
        press=lambda ballot, _, choice: github_press(ballot, choice),
        sign=lambda body, _: github_signed(body),
        chat=lambda _: json.dumps({"action": "created", "comment": {"body": "approved"}}).encode(),
        stranger=lambda ballot, _: github_press(ballot).replace(b'"id": 42', b'"id": 43'),
        timed=False,
    ),
    "teams": Sender(
        integration="teams",
        press=teams_message,
        sign=lambda body, _: teams_signed(body),
        chat=lambda at: teams_message(None, at, text="<at>Signoff</at> approved, go ahead"),
        stranger=lambda ballot, at: teams_message(ballot, at, channelData={"tenant": {"id": "another"}}),
    ),
}
