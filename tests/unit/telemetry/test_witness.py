"""Checkpoints of the audit in files, also in one that a full disk or a power cut left torn."""

from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from telemetry.audit import Checkpoint, Folder
from telemetry.audit.witness import sign

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)


def checkpoint(seq: int) -> Checkpoint:
    return sign(KEY, org="acme", seq=seq, head=f"sha256:{seq:064x}", at=datetime(2026, 11, 1, tzinfo=UTC))


async def test_checkpoints_are_kept_in_their_order(tmp_path: Path) -> None:
    folder = Folder(path=tmp_path / "audit")
    assert await folder.latest("acme") is None
    for seq in (1, 2):
        await folder.keep(checkpoint(seq))
    assert await folder.kept("acme") == [checkpoint(1), checkpoint(2)]
    assert await folder.latest("acme") == checkpoint(2)


async def test_a_line_that_was_cut_short_witnesses_nothing_and_swallows_no_other(tmp_path: Path) -> None:
    folder = Folder(path=tmp_path)
    for seq in (1, 2):
        await folder.keep(checkpoint(seq))
    file = tmp_path / "acme.jsonl"
    file.write_bytes(file.read_bytes()[:-40])
    assert await folder.latest("acme") == checkpoint(1)
    await folder.keep(checkpoint(3))
    assert await folder.kept("acme") == [checkpoint(1), checkpoint(3)]
    assert await folder.latest("acme") == checkpoint(3)
