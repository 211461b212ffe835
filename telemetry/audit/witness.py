"""Where checkpoints go: away from the database, so that whoever cuts its tail is noticed."""

import asyncio
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import TypeAdapter, ValidationError

from telemetry.audit.chain import Checkpoint, statement

_CHECKPOINT = TypeAdapter(Checkpoint)
_LONGEST = 4_096
"""More bytes than one checkpoint has."""


class Witness(Protocol):
    """Keeps checkpoints somewhere the database's owner does not reach."""

    async def keep(self, checkpoint: Checkpoint) -> None: ...

    async def kept(self, org: str) -> Sequence[Checkpoint]:
        """All checkpoints of an organisation, oldest first."""
        ...

    async def latest(self, org: str) -> Checkpoint | None:
        """The newest checkpoint of an organisation."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One file of JSON lines for each organisation, on a volume of its own."""

    path: Path

    async def keep(self, checkpoint: Checkpoint) -> None:
        def append() -> None:
            self.path.mkdir(parents=True, exist_ok=True)
            with self._file(checkpoint.org).open("a+b") as file:
                # A line that a full disk or a power cut left torn must not swallow this one.
                torn = file.tell() > 0 and file.seek(-1, os.SEEK_END) >= 0 and file.read() != b"\n"
                file.write((b"\n" if torn else b"") + _CHECKPOINT.dump_json(checkpoint) + b"\n")

        await asyncio.to_thread(append)

    async def kept(self, org: str) -> Sequence[Checkpoint]:
        def read() -> Sequence[Checkpoint]:
            file = self._file(org)
            return list(_checkpoints(file.read_bytes().splitlines() if file.exists() else []))

        return await asyncio.to_thread(read)

    async def latest(self, org: str) -> Checkpoint | None:
        def last() -> Checkpoint | None:
            try:
                with self._file(org).open("rb") as file:
                    # From its end: the file only grows.
                    file.seek(max(0, file.seek(0, 2) - _LONGEST))
                    lines = file.read().splitlines()
            except FileNotFoundError:
                return None
            return next(_checkpoints(reversed(lines)), None)

        return await asyncio.to_thread(last)

    def _file(self, org: str) -> Path:
        return self.path / f"{quote(org, safe='')}.jsonl"


def _checkpoints(lines: Iterable[bytes]) -> Iterator[Checkpoint]:
    for line in lines:
        # One that was cut short witnesses nothing, as if it had been deleted: what can write here can do that, too.
        with suppress(ValidationError):
            yield _CHECKPOINT.validate_json(line)


def sign(key: Ed25519PrivateKey, *, org: str, seq: int, head: str, at: datetime) -> Checkpoint:
    """State that the chain had this head."""
    signature = key.sign(statement(org, seq, head, at)).hex()
    public = key.public_key().public_bytes_raw().hex()
    return Checkpoint(org=org, seq=seq, hash=head, at=at, key=public, signature=signature)


def genuine(checkpoint: Checkpoint, trusted: Sequence[str]) -> bool:
    """Whether one of the trusted keys (hexadecimal) really signed this."""
    if checkpoint.key not in trusted:
        return False
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(checkpoint.key))
        key.verify(
            bytes.fromhex(checkpoint.signature),
            statement(checkpoint.org, checkpoint.seq, checkpoint.hash, checkpoint.at),
        )
    except (InvalidSignature, ValueError):
        return False
    return True
