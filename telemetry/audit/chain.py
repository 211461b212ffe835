"""The hash chain: each line of the audit holds the hash of the one before it. Pure.

Whoever changes, removes or inserts a line has to rewrite every line after it, and then the newest
checkpoint, which lies elsewhere, no longer fits.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal

import rfc8785
from pydantic import Field

from domain import value


@value
class Line:
    """One thing that happened. ``actor_ref`` is a pseudonym; nothing here names a person."""

    seq: int
    at: datetime
    org: str
    actor_ref: str
    verb: str
    object: str
    digests: tuple[str, ...]
    prev_hash: str
    hash: str = ""


@value
class Checkpoint:
    """A signed statement that the chain of an organisation had this head at this time."""

    org: str
    seq: int
    hash: str
    at: datetime
    key: str
    """Hexadecimal Ed25519 public key."""
    signature: str
    """Hexadecimal, over ``statement``."""


@value
class Flaw:
    """Where a chain does not hold."""

    seq: int
    kind: Literal["changed", "missing", "cut", "forged_checkpoint", "head"]
    message: str


@value
class Verification:
    """What verifying found. ``lines`` were read; no flaws: the chain holds."""

    org: str
    lines: int
    checkpoints: int
    flaws: Annotated[tuple[Flaw, ...], Field(max_length=1_000)] = ()

    @property
    def holds(self) -> bool:
        return not self.flaws


def genesis(org: str) -> str:
    """What the first line of an organisation points back to."""
    # With the organisation in it no chain can be passed off as another's.
    return _sha256(b"audit/v1\0" + org.encode())


def sealed(entry: Line) -> Line:
    """The line with its hash filled in."""
    return replace(entry, hash=hash_of(entry))


def hash_of(entry: Line) -> str:
    """sha256 of the RFC 8785 JSON of everything in the line but its own hash."""
    return _sha256(
        rfc8785.dumps(
            {
                "seq": entry.seq,
                "at": entry.at.isoformat(),
                "org": entry.org,
                "actor_ref": entry.actor_ref,
                "verb": entry.verb,
                "object": entry.object,
                "digests": list(entry.digests),
                "prev_hash": entry.prev_hash,
            }
        )
    )


def flaws_in(lines: Iterable[Line], *, after: tuple[int, str]) -> tuple[list[Flaw], tuple[int, str]]:
    """What is wrong with these lines that should follow ``after``, and the number and hash to go on from."""
    flaws: list[Flaw] = []
    seq, prev = after
    for entry in lines:
        if entry.seq != seq + 1:
            flaws.append(Flaw(seq=seq + 1, kind="missing", message=f"lines {seq + 1} to {entry.seq - 1} are gone"))
        # Where lines are gone, that the next one points elsewhere is the same flaw and no second one.
        elif entry.prev_hash != prev:
            flaws.append(Flaw(seq=entry.seq, kind="changed", message="does not point to the line before it"))
        if entry.hash != hash_of(entry):
            flaws.append(Flaw(seq=entry.seq, kind="changed", message="its content does not give its hash"))
        seq, prev = entry.seq, entry.hash
    return flaws, (seq, prev)


def statement(org: str, seq: int, head: str, at: datetime) -> bytes:
    """What a checkpoint signs."""
    return b"audit-checkpoint/v1\0" + rfc8785.dumps({"org": org, "seq": seq, "hash": head, "at": at.isoformat()})


def _sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"
