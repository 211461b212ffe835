"""People in the audit: random pseudonyms in the chain, names and free text elsewhere, encrypted per person.

Erasing a person destroys their key and the way from their name to their pseudonym. The chain never
held the name, so it still verifies.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from domain import Broken, Refused
from telemetry.audit.tables import notes, subjects

SYSTEM = "house"
"""The actor of what no person did: the clock, the executor."""

_NONCE = 12
_KEY = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """Turns names into pseudonyms and back, as long as the person's key exists."""

    master: bytes = field(repr=False)
    """32 bytes that stay out of the database."""

    def __post_init__(self) -> None:
        if len(self.master) != _KEY:
            raise Refused(
                "The audit key must have 32 bytes.",
                code="audit_key_invalid",
                hint="Make one with: openssl rand -hex 32",
            )

    async def ref(self, conn: AsyncConnection, org: str, subject: str) -> str:
        """The pseudonym of a person, made on first sight."""
        if not subject:
            return SYSTEM
        if known := await self.find(conn, org, subject):
            return known
        # Random, and not made from the name: what can be computed can be guessed again after the erasure.
        ref, key = f"p_{secrets.token_hex(12)}", AESGCM.generate_key(bit_length=256)
        row = {
            "ref": ref,
            "org": org,
            "lookup": self._lookup(org, subject),
            "key": _seal(self.master, key, ref),
            "name": _seal(key, subject.encode(), ref),
        }
        try:
            async with conn.begin_nested():
                await conn.execute(insert(subjects).values(row))
        except IntegrityError:  # another transaction met this person first
            if known := await self.find(conn, org, subject):
                return known
            raise Broken(
                f"The audit subject {ref} vanished while it was being written.",
                code="audit_subject_lost",
                hint="Please report this, with what happened to the database at that moment.",
            ) from None
        return ref

    async def find(self, conn: AsyncConnection, org: str, subject: str) -> str | None:
        """The pseudonym of a person the audit knows."""
        query = select(subjects.c.ref).where(subjects.c.org == org, subjects.c.lookup == self._lookup(org, subject))
        return (await conn.execute(query)).scalar_one_or_none()

    async def names(self, conn: AsyncConnection, org: str) -> dict[str, str]:
        """Pseudonym → name, of everyone who was not erased."""
        query = select(subjects).where(subjects.c.org == org, subjects.c.key.is_not(None))
        rows = (await conn.execute(query)).mappings().all()
        return {row["ref"]: _open(self._key(row["key"], row["ref"]), row["name"], row["ref"]).decode() for row in rows}

    async def note(self, conn: AsyncConnection, org: str, seq: int, ref: str, text: str) -> None:
        """Keep free text beside a line, readable only while its author's key exists."""
        if ref == SYSTEM or not text:
            return
        key = await self._key_of(conn, ref)
        if key:
            # A comment may hold half characters, which UTF-8 alone refuses.
            sealed = _seal(key, text.encode("utf-8", "surrogatepass"), f"{ref}:{seq}")
            await conn.execute(insert(notes).values(org=org, seq=seq, ref=ref, text=sealed))

    async def texts(self, conn: AsyncConnection, org: str, first: int, last: int) -> dict[int, str]:
        """Line number → free text that can still be read."""
        query = select(notes).where(notes.c.org == org, notes.c.seq.between(first, last))
        texts: dict[int, str] = {}
        for row in (await conn.execute(query)).mappings():
            if key := await self._key_of(conn, row["ref"]):
                raw = _open(key, row["text"], f"{row['ref']}:{row['seq']}")
                texts[row["seq"]] = raw.decode("utf-8", "surrogatepass")
        return texts

    async def erase(self, conn: AsyncConnection, org: str, subject: str) -> str | None:
        """Forget a person for good. Returns the pseudonym that remains, None if there was nobody."""
        ref = await self.find(conn, org, subject)
        if ref:
            # The row stays: lines of the chain name its pseudonym, and their hashes cover that.
            gone = update(subjects).where(subjects.c.ref == ref).values(lookup=None, key=None, name=b"")
            await conn.execute(gone)
            await conn.execute(update(notes).where(notes.c.ref == ref).values(text=b""))
        return ref

    async def rename(self, conn: AsyncConnection, org: str, subject: str, name: str) -> str | None:
        """Correct a person's name; their pseudonym and every line of theirs stay. None if there is nobody."""
        ref = await self.find(conn, org, subject)
        if ref and (key := await self._key_of(conn, ref)):
            values = {"lookup": self._lookup(org, name), "name": _seal(key, name.encode(), ref)}
            await conn.execute(update(subjects).where(subjects.c.ref == ref).values(values))
        return ref

    async def _key_of(self, conn: AsyncConnection, ref: str) -> bytes | None:
        wrapped = (await conn.execute(select(subjects.c.key).where(subjects.c.ref == ref))).scalar_one_or_none()
        return self._key(wrapped, ref) if wrapped else None

    def _key(self, wrapped: bytes, ref: str) -> bytes:
        return _open(self.master, wrapped, ref)

    def _lookup(self, org: str, subject: str) -> str:
        # With its length in front no organisation and name run together into another pair.
        name = f"{len(org)}:{org}:{subject}".encode()
        return hmac.new(self.master, b"audit-lookup/v1\0" + name, hashlib.sha256).hexdigest()


def _seal(key: bytes, plain: bytes, bound_to: str) -> bytes:
    # Bound to its place (AEAD): a ciphertext that was copied into another row does not open there.
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain, bound_to.encode())


def _open(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound_to.encode())
    except InvalidTag as error:
        raise Refused(
            "The audit key does not open this audit.",
            code="audit_key_wrong",
            hint="Use the key this database was written with (SIGNOFF_AUDIT_KEY).",
        ) from error
