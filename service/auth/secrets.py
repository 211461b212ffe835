"""Secrets this installation makes for itself on first use, readable for its owner only.

Machines that share a database need the same ones: what one signs or encrypts, the others have to understand. The
database has their fingerprints, and a machine with other keys does not begin to work.
"""

import asyncio
import hashlib
import os
import secrets
from collections.abc import Collection
from pathlib import Path
from typing import Final

from sqlalchemy import Column, String, Table, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from database import reading, writing
from domain import Refused
from service.tables import METADATA

KEY_BYTES = 32
KEY_NAMES: Final = ("audit-signing", "audit-subjects", "links", "pepper", "run-webhooks")
"""Every key that is made here; a test compares it with who asks for one."""

FINGERPRINTS = Table(
    "key_fingerprints",
    METADATA,
    Column("name", String(100), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
)


def own_key(folder: Path, name: str) -> bytes:
    """Return the 32-byte key ``name``, made on first use.

    Two processes may start at once: whoever links the file first wins, and both read the winner's.
    """
    path = folder / f"{name}.key"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = folder / f".{name}.{secrets.token_hex(4)}"
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        try:
            # Linked and not renamed: a link fails where the name is taken, a rename would replace the winner's key.
            path.hardlink_to(fresh)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes()


async def ensure_same_keys(engine: AsyncEngine, folder: Path, *, configured: Collection[str] = ()) -> None:
    """Compare the keys in a folder with those of the installation that has the database; the first machine makes them.

    Those that are ``configured`` come from elsewhere: nobody asks for their files.

    Raises:
        Refused: ``keys_differ``: this machine has others, or none.
    """
    async with reading(engine) as conn:
        rows = await conn.execute(select(FINGERPRINTS.c.name, FINGERPRINTS.c.fingerprint))
        known = {str(row.name): str(row.fingerprint) for row in rows}
    for name in (each for each in KEY_NAMES if each not in configured):
        if name in known and not await asyncio.to_thread((folder / f"{name}.key").exists):
            raise _differ(folder, f"{name}.key is not there")
        fingerprint = hashlib.sha256(b"signoff key\0" + await asyncio.to_thread(own_key, folder, name)).hexdigest()
        if name not in known:
            known[name] = await _first(engine, name, fingerprint)
        if known[name] != fingerprint:
            raise _differ(folder, f"{name}.key is another one")


async def _first(engine: AsyncEngine, name: str, fingerprint: str) -> str:
    """Write the fingerprint of a key unless another machine has; return the one that counts."""
    try:
        async with writing(engine) as conn:
            await conn.execute(insert(FINGERPRINTS).values(name=name, fingerprint=fingerprint))
    except IntegrityError:
        async with reading(engine) as conn:
            rows = await conn.execute(select(FINGERPRINTS.c.fingerprint).where(FINGERPRINTS.c.name == name))
            return str(rows.scalar_one())
    return fingerprint


def _differ(folder: Path, what: str) -> Refused:
    return Refused(
        f"The keys in {folder} are not those of the installation that uses this database: {what}.",
        code="keys_differ",
        hint="Copy the folder `keys` from the home folder of a machine that works on this database, as a secret.",
    )
