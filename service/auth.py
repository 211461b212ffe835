"""API keys and login sessions: made once, shown once, kept as an HMAC."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Any

from sqlalchemy import JSON, Boolean, Column, DateTime, RowMapping, String, Table, bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from approvals import reading, writing
from domain import value
from service.refusals import refuse
from service.runs import METADATA
from service.tokens import Token, new_token, read_token
from service.who import SCOPES, Who, scopes_of

SESSION_FOR = timedelta(hours=12)
OVERLAP = timedelta(hours=24)
"""How long a rotated key still works."""

KEYS = Table(
    "api_keys",
    METADATA,
    Column("id", String(40), primary_key=True),
    Column("kind", String(4), nullable=False),
    Column("org", String(200), nullable=False, index=True),
    Column("subject", String(300), nullable=False),
    Column("name", String(200), nullable=False),
    Column("mac", String(64), nullable=False),
    Column("roles", JSON, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("personal", Boolean, nullable=False),
    Column("mfa", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True), nullable=True),
    Column("standing", String(200), nullable=False, server_default=""),
)
_K = KEYS.c
_GET = select(KEYS).where(_K.id == bindparam("key"), _K.kind == bindparam("of"))
COLUMNS = tuple(column.key for column in KEYS.c if column.key != "mac")


@value
class Key:
    """One row: an API key, or the session of a person."""

    id: str
    kind: str
    org: str
    subject: str
    name: str = ""
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    personal: bool = False
    """It stands for a person: who holds it may open a login session with it."""
    mfa: bool = False
    created_at: datetime
    expires_at: datetime | None = None
    standing: str = ""
    """How its holder stands when models are chosen: a name of the catalogue's ``standings``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keys:
    """Makes, checks, rotates and revokes."""

    engine: AsyncEngine
    clock: Callable[[], datetime]
    pepper: bytes = field(repr=False)

    async def make(
        self, org: str, subject: str, *, name: str = "", roles: Sequence[str] = (), scopes: Sequence[str] | None = None,
        personal: bool = False, expires_at: datetime | None = None, env: str = "live", standing: str = "",
    ) -> tuple[Key, str]:  # fmt: skip
        """A new API key and the text of it, which nobody sees again."""
        held = tuple(scopes) if scopes is not None else scopes_of(tuple(roles))
        if unknown := sorted(set(held) - set(SCOPES)):
            raise refuse("request_invalid", f"There is no scope {unknown[0]!r}.")
        token = new_token("ak", env)
        key = Key(id=token.id, kind="ak", org=org, subject=subject, name=name, roles=tuple(roles), scopes=held,
                  personal=personal, created_at=self.clock(), expires_at=expires_at, standing=standing)  # fmt: skip
        await self._keep(key, token)
        return key, token.text

    async def log_in(self, who: Key, *, roles: Sequence[str]) -> tuple[Key, str]:
        """A session of the person a personal key stands for. Raises ``role_missing`` for any other key."""
        if not who.personal:
            raise refuse("role_missing", "This key stands for no person.")
        token, now = new_token("st"), self.clock()
        held = tuple(dict.fromkeys((*who.roles, *roles)))
        session = Key(id=token.id, kind="st", org=who.org, subject=who.subject, roles=held, scopes=scopes_of(held),
                      personal=True, mfa=who.mfa, created_at=now, expires_at=now + SESSION_FOR,
                      standing=who.standing)  # fmt: skip
        await self._keep(session, token)
        return session, token.text

    async def _keep(self, key: Key, token: Token) -> None:
        row: dict[str, Any] = {name: getattr(key, name) for name in COLUMNS}
        async with writing(self.engine) as conn:
            await conn.execute(insert(KEYS).values(**row, mac=token.mac(self.pepper)))

    async def check(self, text: str) -> Key:
        """The key behind a token. Raises ``key_invalid``: unknown, wrong, expired or revoked alike."""
        token = read_token(text)
        async with reading(self.engine) as conn:
            row = (await conn.execute(_GET, {"key": token.id, "of": token.kind})).mappings().first()
        mac = row["mac"] if row else ""
        if not compare_digest(token.mac(self.pepper), mac) or row is None:
            raise refuse("key_invalid", "This key is not known.")
        key = _key(row)
        if key.expires_at is not None and key.expires_at <= self.clock():
            raise refuse("key_invalid", "This key has expired.")
        return key

    async def list(self, org: str) -> Sequence[Key]:
        """The organisation's API keys, newest first; never their secrets."""
        query = select(KEYS).where(_K.org == org, _K.kind == "ak").order_by(_K.created_at.desc())
        async with reading(self.engine) as conn:
            return [_key(row) for row in (await conn.execute(query)).mappings()]

    async def get(self, id_: str, org: str) -> Key:
        """One of the organisation's API keys. Raises ``key_not_found``."""
        found = next((key for key in await self.list(org) if key.id == id_), None)
        if found is None:
            raise refuse("key_not_found", f"There is no key {id_[:40]!r}.")
        return found

    async def any(self) -> bool:
        """Whether there is any key at all."""
        async with reading(self.engine) as conn:
            return (await conn.execute(select(_K.id).where(_K.kind == "ak").limit(1))).first() is not None

    async def revoke(self, id_: str, org: str, *, after: timedelta = timedelta(0)) -> None:
        """End a key, at once or with an overlap. Raises ``key_not_found``."""
        change = update(KEYS).where(_K.id == id_, _K.org == org).values(expires_at=self.clock() + after)
        async with writing(self.engine) as conn:
            if not (await conn.execute(change)).rowcount:
                raise refuse("key_not_found", f"There is no key {id_[:40]!r}.")

    async def stand(self, id_: str, org: str, standing: str) -> Key:
        """Give a key another standing; it holds from its next request on. Raises ``key_not_found``."""
        change = update(KEYS).where(_K.id == id_, _K.org == org, _K.kind == "ak").values(standing=standing)
        async with writing(self.engine) as conn:
            await conn.execute(change)
        return await self.get(id_, org)

    async def rotate(self, id_: str, org: str) -> tuple[Key, str]:
        """A new key with the same rights; the old one works on for ``OVERLAP``."""
        old = await self.get(id_, org)
        await self.revoke(id_, org, after=OVERLAP)
        return await self.make(org, old.subject, name=old.name, roles=old.roles, scopes=old.scopes,
                               personal=old.personal, expires_at=old.expires_at, standing=old.standing)  # fmt: skip


def who_is(key: Key, roles: Sequence[str] = ()) -> Who:
    """The caller behind a key: a person in a session, else a program."""
    if key.kind == "st":
        held = tuple(dict.fromkeys((*key.roles, *roles)))
        return Who(subject=key.subject, org=key.org, kind="human", roles=held, scopes=scopes_of(held), key=key.id,
                   session_started_at=key.created_at, mfa=key.mfa, standing=key.standing)  # fmt: skip
    return Who(subject=key.subject, org=key.org, kind="api_key", roles=key.roles, scopes=key.scopes, key=key.id,
               standing=key.standing)  # fmt: skip


def _key(row: RowMapping) -> Key:
    fields: dict[str, Any] = {name: row[name] for name in row if name != "mac"}
    for name in ("created_at", "expires_at"):
        # SQLite forgets the zone; everything here is written in UTC.
        if fields[name] is not None and fields[name].tzinfo is None:
            fields[name] = fields[name].replace(tzinfo=UTC)
    return Key(**fields)
