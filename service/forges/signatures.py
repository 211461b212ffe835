"""Signatures of a forge's web hooks: who sent it, and which message it is. Checked before anything is read. Pure."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from hmac import compare_digest
from typing import Final

from approvals import refusal
from approvals.channels import verify_github, verify_standard

Verify = Callable[[Mapping[str, str], bytes, Sequence[str], datetime], str]
"""Headers (names in lower case), body, secrets, now → the message's id. Raises ``signature_invalid``."""
SIGNING: Final = "whsec_"


def verify_gitlab(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> str:
    """GitLab's signing token (Standard Webhooks), or its older secret token, which is a password and signs nothing.

    https://docs.gitlab.com/user/project/integrations/webhooks
    """
    signing = [secret for secret in secrets if secret.startswith(SIGNING)]
    if signing and "webhook-signature" in headers:
        return verify_standard(headers, body, signing, now)
    sent = headers.get("x-gitlab-token", "").encode("utf-8", "replace")
    passwords = [secret.encode() for secret in secrets if not secret.startswith(SIGNING)]
    if not any([compare_digest(sent, password) for password in passwords]):  # noqa: C419 - the time tells not which
        raise refusal("signature_invalid", "This message cannot be trusted: no token matches.")
    # Nothing signs the delivery id: what was sent identifies the message.
    return hashlib.sha256(body).hexdigest()


VERIFY: Final[Mapping[str, Verify]] = {
    "github": lambda headers, body, secrets, _: verify_github(headers, body, secrets),
    "gitlab": verify_gitlab,
}
"""By the kind of the forge."""
