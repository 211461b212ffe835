"""GitHub: pressed buttons of our check run, signed with ``X-Hub-Signature-256``. Pure."""

import hashlib
from collections.abc import Mapping, Sequence

from approvals.channels.base import (
    Channel,
    Consent,
    consent_of,
    ensure_long_secret,
    ensure_one_matches,
    hmac_sha256,
    json_object,
    lowered,
    member_of,
    utf8_text,
)


def verify_github(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> str:
    """Check ``X-Hub-Signature-256``. Returns the delivery id; there is no time in this scheme, so ids never expire.

    https://docs.github.com/webhooks/using-webhooks/validating-webhook-deliveries
    """
    utf8_text(body)
    signature = lowered(headers).get("x-hub-signature-256", "")
    ensure_one_matches([signature], [f"sha256={hmac_sha256(secret, body)}" for secret in secrets])
    # The delivery id is a header, which this scheme does not sign: what was signed identifies the message.
    return hashlib.sha256(body).hexdigest()


def parse_github(body: bytes, event: str) -> Consent | None:
    """A pressed button of our check run: ``external_id`` ``<approval id> <digest>``, identifier approve or reject.

    None for every other event: a comment or a review approves nothing.
    """
    payload = json_object(body)
    if event != "check_run" or payload.get("action") != "requested_action":
        return None
    choice = member_of(payload.get("requested_action"), "identifier")
    approval_id, _, digest = str(member_of(payload.get("check_run"), "external_id")).partition(" ")
    sender = payload.get("sender")
    # Apps press buttons, too, and their logins look like anybody's.
    kind = "human" if member_of(sender, "type") == "User" else "bot"
    # By number: a login can be given up, and taken by somebody else.
    actor = {"provider": "github", "subject": str(member_of(sender, "id")), "kind": kind}
    return consent_of({"approval_id": approval_id, "action_digest": digest, "decision": choice, "actor": actor})


GITHUB = Channel(
    name="github",
    ensure_secret=ensure_long_secret,
    verify=lambda headers, body, secrets, _: verify_github(headers, body, secrets),
    parse=lambda headers, body: parse_github(body, lowered(headers).get("x-github-event", "")),
)
