"""Hooks under test, and senders that sign like the real ones."""

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from standardwebhooks import Webhook

from approvals import Ballot
from approvals.channels import InboundWebhooks, Integration
from approvals.storage import StoredReplayGuard
from tests.worlds.approvals import World

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # noqa: S105 - of the tests
OLD_SECRET = "whsec_ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA="  # noqa: S105
PLAIN_SECRET = "0123456789abcdef0123456789abcdef"  # noqa: S105


def hooks(world: World) -> InboundWebhooks:
    """Three integrations of acme; vera is known to each of them."""
    world.stage.human("vera")
    members = {"idp:u-1": "vera", "slack:T1/U1": "vera", "github:42": "vera", "idp:u-2": "rita"}
    return InboundWebhooks(
        ballots=world.ballots,
        people=world.stage.people,
        memory=StoredReplayGuard(engine=world.engine, clock=world.stage.clock),
        clock=world.stage.clock,
        integrations=(
            Integration(name="ci", org="acme", secrets=(SECRET, OLD_SECRET), members=members),
            Integration(name="slack", org="acme", secrets=(PLAIN_SECRET,), kind="slack", members=members),
            Integration(name="github", org="acme", secrets=(PLAIN_SECRET,), kind="github", members=members),
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
