"""Digests that bind an approval to exactly the bytes that will run. Pure.

Canonical JSON is RFC 8785, so the same action has the same digest on every machine and in every
language. Descriptions and rationales are not part of an action: models reword them, and an
approval would never land.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import rfc8785

from domain import Action, Tier

# A tag that ends in a zero byte: a digest of one kind is never one of the other, or of a later version.
_ACTION = b"appr/v1\0"
_CONTEXT = b"appr-context/v1\0"
_BALLOTS = UUID("5d2c1e1c-6a0e-5a3b-9f5e-2f6f1f9a7c10")


def canonical(action: Action) -> bytes:
    """The complete action as RFC 8785 JSON: what is digested is what is shown.

    Raises:
        ValueError: a number beyond ±(2^53 - 1) or text that is not Unicode (rfc8785.CanonicalizationError).
    """
    parts: dict[str, Any] = {field.name: getattr(action, field.name) for field in fields(action)}
    # Names of variables are a set: their order must not make two digests of one action.
    parts["environment"] = sorted(set(action.environment))
    return rfc8785.dumps(parts)


def action_digest(action: Action) -> str:
    """``sha256:`` and 64 hexadecimal digits over the version tag and the canonical action."""
    return _sha256(_ACTION + canonical(action))


def context_digest(
    *,
    org: str,
    run: str,
    step: str,
    requester: str,
    policy_version: str,
    tier: Tier,
    nonce: str,
    expires_at: datetime,
    shown: str,
    contributors: Sequence[str] = (),
) -> str:
    """Bind an approval to who asked, where, under which policy, what was shown, and until when."""
    context: dict[str, Any] = {
        "org": org,
        "run": run,
        "step": step,
        "requester": requester,
        "policy_version": policy_version,
        "tier": tier,
        "nonce": nonce,
        "expires_at": expires_at.isoformat(),
        "shown": _sha256(shown.encode()),
    }
    # Only where there are any: digests that stand in audit chains were made without this part.
    context |= {"contributors": list(contributors)} if contributors else {}
    return _sha256(_CONTEXT + rfc8785.dumps(context))


def ballot_id(run: str, step: str, digest: str) -> str:
    """The same question has the same id: asking again after a crash finds the same ballot."""
    return str(uuid5(_BALLOTS, rfc8785.dumps([run, step, digest]).decode()))


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
