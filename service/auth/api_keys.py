"""API keys and login sessions: made once, shown once, kept as an HMAC, and audited when they change.

A key is ``ak_<env>_<id>_<secret>_<crc>``. The checksum tells a mistyped or truncated key from a wrong one without
asking the database, and lets secret scanners recognise it. At rest there is only an HMAC-SHA256 with a pepper that
is not in the database.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hmac import compare_digest
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Integer,
    RowMapping,
    Select,
    String,
    Table,
    and_,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from approvals import AuditFact
from approvals.storage import Journal
from database import UtcDateTime, fetch_all, reading, writing
from domain import Refused, value
from service.auth.directory import MEMBERS, AdmitPerson, ensure_apart
from service.auth.principal import SCOPES, Principal, scopes_of
from service.auth.tokens import KeyToken, new_token, read_token
from service.errors import refuse
from service.tables import METADATA

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
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=True),
    Column("standing", String(200), nullable=False, server_default=""),
    Column("made_from", String(40), nullable=False, server_default=""),
    Column("generation", Integer, nullable=False, server_default="0"),
    Column("makers", JSON, nullable=False, server_default="[]"),
)
MODES = Table(
    "modes",
    METADATA,
    Column("org", String(200), primary_key=True),
    Column("mode", String(4), nullable=False),
    Column("generation", Integer, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)
"""How many people work in an organisation, as every process sees it. No row: solo, generation 0."""

_K = KEYS.c
_FROM = KEYS.alias("origin")
_GENERATION = func.coalesce(MODES.c.generation, 0)
_WITH_ORIGIN = select(
    KEYS,
    _FROM.c.id.label("origin"),
    _FROM.c.expires_at.label("origin_until"),
    _FROM.c.roles.label("origin_roles"),
    _GENERATION.label("today"),
).select_from(KEYS.outerjoin(_FROM, _FROM.c.id == _K.made_from).outerjoin(MODES, MODES.c.org == _K.org))
_GET = _WITH_ORIGIN.where(_K.id == bindparam("key"), _K.kind == bindparam("of"))
COLUMNS = tuple(column.key for column in KEYS.c if column.key != "mac")


@value
class ApiKey:
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
    made_from: str = ""
    """Id of the personal key that a session was opened with."""
    generation: int = 0
    """Of the organisation's mode when a session was opened: it ends with it."""
    makers: tuple[str, ...] = ()
    """Who made or renewed it, and who made the keys those came with: they answer for what it asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKeys:
    """Makes, checks, rotates and revokes. Who may do that is for ``service.auth.authority`` to say."""

    engine: AsyncEngine
    clock: Callable[[], datetime]
    pepper: bytes = field(repr=False)
    journal: Journal | None = None
    """Hears of every change, in its transaction, that comes with who made it."""
    named: tuple[str, ...] = ()
    """People whom the settings name: no new subject may pass for one of them."""
    session_for: timedelta = timedelta(hours=12)
    admit: AdmitPerson | None = None

    async def make(
        self,
        org: str,
        subject: str,
        *,
        name: str = "",
        roles: Sequence[str] = (),
        scopes: Sequence[str] | None = None,
        personal: bool = False,
        expires_at: datetime | None = None,
        env: str = "live",
        standing: str = "",
        by: str = "",
        verb: str = "key.made",
        note: str = "",
    ) -> tuple[ApiKey, str]:
        """A new API key and the text of it, which nobody sees again.

        Raises:
            Refused: ``subject_collides`` for a new subject that passes for another one; ``request_invalid``.
        """
        held = tuple(scopes) if scopes is not None else scopes_of(tuple(roles))
        if unknown := sorted(set(held) - set(SCOPES)):
            raise refuse("request_invalid", f"There is no scope {unknown[0]!r}.")
        token = new_token("ak", env)
        key = ApiKey(
            id=token.id,
            kind="ak",
            org=org,
            subject=subject,
            name=name,
            roles=tuple(roles),
            scopes=held,
            personal=personal,
            created_at=self.clock(),
            expires_at=expires_at,
            standing=standing,
        )
        async with writing(self.engine) as conn:
            await ensure_apart(conn, org, subject, subjects(org), named=self.named)
            if personal and self.admit is not None:
                await self.admit(conn, org, subject)
            key = replace(key, makers=await self._behind(conn, org, by))
            await self._keep(conn, key, token)
            await self._note(conn, key, by, verb, note or name)
        return key, token.text

    async def log_in(self, principal: ApiKey, *, roles: Sequence[str]) -> tuple[ApiKey, str]:
        """A session of the person a personal key stands for. Raises ``role_missing`` for anything else."""
        if not principal.personal or principal.kind != "ak":
            raise refuse("role_missing", "This key stands for no person.")
        token, now = new_token("st"), self.clock()
        held = tuple(dict.fromkeys((*principal.roles, *roles)))
        until = min(now + self.session_for, principal.expires_at or datetime.max.replace(tzinfo=UTC))
        async with writing(self.engine) as conn:
            # Read in the transaction that writes the session, so that none outlives a mode that changes just now.
            generation = select(MODES.c.generation).where(MODES.c.org == principal.org)
            session = ApiKey(
                id=token.id,
                kind="st",
                org=principal.org,
                subject=principal.subject,
                roles=held,
                scopes=scopes_of(held),
                personal=True,
                mfa=principal.mfa,
                created_at=now,
                expires_at=until,
                standing=principal.standing,
                made_from=principal.id,
                generation=(await conn.execute(generation)).scalar() or 0,
            )
            await self._keep(conn, session, token)
        return session, token.text

    async def _keep(self, conn: AsyncConnection, key: ApiKey, token: KeyToken) -> None:
        row: dict[str, Any] = {name: getattr(key, name) for name in COLUMNS}
        await conn.execute(insert(KEYS).values(**row, mac=token.mac(self.pepper)))

    async def _behind(self, conn: AsyncConnection, org: str, by: str) -> tuple[str, ...]:
        """``by``, and who made its key where it is a program."""
        of = select(_K.makers).where(_K.org == org, _K.subject == by, ~_K.personal)
        makers_of_keys = (await conn.execute(of)).scalars().all() if by else ()
        return tuple(dict.fromkeys(name for names in ([by] if by else [], *makers_of_keys) for name in names))

    async def _note(self, conn: AsyncConnection, key: ApiKey, by: str, verb: str, note: str) -> None:
        """One line of the audit about a key, where somebody answers for it."""
        if self.journal is not None and by:
            fact = AuditFact(at=self.clock(), org=key.org, actor=by, verb=verb, object=f"key:{key.id}", note=note)
            await self.journal.append(conn, fact)

    async def check(self, text: str) -> ApiKey:
        """The key behind a token. Raises ``key_invalid``: unknown, wrong, expired or revoked alike."""
        token = read_token(text)
        row = next(iter(await fetch_all(self.engine, _GET, {"key": token.id, "of": token.kind})), None)
        mac = row["mac"] if row else ""
        # The same work without a row: how long an answer takes says nothing about which ids there are.
        if not compare_digest(token.mac(self.pepper), mac) or row is None:
            raise refuse("key_invalid", "This key is not known.")
        key = _key(row)
        if key.expires_at is not None and key.expires_at <= self.clock():
            raise refuse("key_invalid", "This key has expired.")
        return self._session(key, row) if key.kind == "st" else key

    def _session(self, key: ApiKey, row: RowMapping) -> ApiKey:
        """A session as it stands now: what its key says today, while that works and the mode is still the same."""
        if key.generation != row["today"]:
            raise refuse("key_invalid", "This login ended when more people came. Log in again.")
        if not key.made_from:  # opened by an older version
            return key
        until = row["origin_until"]
        if row["origin"] is None or (until is not None and until <= self.clock()):
            raise refuse("key_invalid", "The key of this login has ended.")
        return replace(key, roles=tuple(row["origin_roles"]), expires_at=until)

    async def list(self, org: str) -> Sequence[ApiKey]:
        """The organisation's API keys, newest first; never their secrets."""
        query = select(KEYS).where(_K.org == org, _K.kind == "ak").order_by(_K.created_at.desc())
        async with reading(self.engine) as conn:
            return [_key(row) for row in (await conn.execute(query)).mappings()]

    async def sessions(self, org: str, subject: str) -> Sequence[ApiKey]:
        """The logins of a person that work now, newest first: not those whose key or mode has ended."""
        works = or_(_K.expires_at.is_(None), _K.expires_at > self.clock())
        query = _WITH_ORIGIN.where(_K.org == org, _K.subject == subject, _K.kind == "st", works)
        async with reading(self.engine) as conn:
            rows = (await conn.execute(query.order_by(_K.created_at.desc()))).mappings().all()
        sessions: list[ApiKey] = []
        for row in rows:
            with suppress(Refused):
                self._session(_key(row), row)
                sessions.append(_key(row))
        return sessions

    async def get(self, id_: str, org: str) -> ApiKey:
        """One of the organisation's API keys. Raises ``key_not_found``."""
        match = next((key for key in await self.list(org) if key.id == id_), None)
        if match is None:
            raise refuse("key_not_found", f"There is no key {id_[:40]!r}.")
        return match

    async def any(self) -> bool:
        """Whether there is any key at all."""
        async with reading(self.engine) as conn:
            return (await conn.execute(select(_K.id).where(_K.kind == "ak").limit(1))).first() is not None

    async def people(self, org: str) -> Sequence[str]:
        """Who can log in here: with a personal key that works, by the issuer once they were seen, or by a setting."""
        works = or_(_K.expires_at.is_(None), _K.expires_at > self.clock())
        holders = select(_K.subject).where(_K.org == org, _K.kind == "ak", _K.personal, works)
        members = select(MEMBERS.c.subject).where(MEMBERS.c.org == org)
        async with reading(self.engine) as conn:
            names = (await conn.execute(holders.union(members))).scalars().all()
        return tuple(dict.fromkeys((*names, *self.named)))

    async def active(self, org: str, subject: str) -> bool:
        """Whether somebody of this name could come in now: by a key that works, or as one of the people."""
        works = or_(_K.expires_at.is_(None), _K.expires_at > self.clock())
        query = select(_K.id).where(_K.org == org, _K.subject == subject, _K.kind == "ak", works).limit(1)
        async with reading(self.engine) as conn:
            has_key = (await conn.execute(query)).first() is not None
        return has_key or subject in await self.people(org)

    async def revoke(self, id_: str, org: str, *, by: str = "") -> None:
        """End a key, or a session, at once; one that has ended stays so. Raises ``key_not_found``."""
        async with writing(self.engine) as conn:
            key = await self._locked(conn, id_, org)
            if key.expires_at is None or key.expires_at > self.clock():
                await conn.execute(update(KEYS).where(_K.id == id_).values(expires_at=self.clock()))
                await self._note(conn, key, by, "key.revoked", key.name)

    async def _locked(self, conn: AsyncConnection, id_: str, org: str, *kinds: str) -> ApiKey:
        """The row, for a change."""
        mine = and_(_K.id == id_, _K.org == org, _K.kind.in_(kinds or ("ak", "st")))
        row = (await conn.execute(select(KEYS).where(mine).with_for_update())).mappings().first()
        if row is None:
            raise refuse("key_not_found", f"There is no key {id_[:40]!r}.")
        return _key(row)

    async def stand(self, id_: str, org: str, standing: str) -> ApiKey:
        """Give a key another standing; it holds from its next request on. Raises ``key_not_found``."""
        change = update(KEYS).where(_K.id == id_, _K.org == org, _K.kind == "ak").values(standing=standing)
        async with writing(self.engine) as conn:
            await conn.execute(change)
        return await self.get(id_, org)

    async def rotate(
        self, id_: str, org: str, *, by: str = "", allowed: Callable[[ApiKey], None] = lambda _: None
    ) -> tuple[ApiKey, str]:
        """A new key with the same rights and the same end; the old one works on for ``OVERLAP`` at most.

        ``allowed`` refuses by raising, on the key as it is then. Raises ``key_not_found``, ``key_ended``.
        """
        now = self.clock()
        async with writing(self.engine) as conn:
            old = await self._locked(conn, id_, org, "ak")
            # Asked under the lock: a key that somebody revokes at this moment is not renewed.
            allowed(old)
            if old.expires_at is not None and old.expires_at <= now:
                raise refuse("key_ended", "This key has ended, and stays so.")
            token = new_token("ak", "live")
            makers = tuple(dict.fromkeys((*old.makers, *await self._behind(conn, org, by))))
            new = replace(old, id=token.id, created_at=now, makers=makers)
            until = min(now + OVERLAP, old.expires_at or now + OVERLAP)
            await conn.execute(update(KEYS).where(_K.id == id_).values(expires_at=until))
            await self._keep(conn, new, token)
            await self._note(conn, old, by, "key.rotated", f"{old.id} -> {new.id} ({old.subject})")
        return new, token.text


def subjects(org: str) -> Select[tuple[str]]:
    """SQL: whom the keys of an organisation name, ended ones too."""
    return select(_K.subject).where(_K.org == org).distinct()


def who_is(key: ApiKey, roles: Sequence[str] = (), *, lasting: Sequence[str] | None = None) -> Principal:
    """The caller behind a key: a person in a session, else a program. ``lasting``: the roles that no mode lends."""
    if key.kind == "st":
        held = tuple(dict.fromkeys((*key.roles, *roles)))
        lasting_roles = {*key.roles, *(roles if lasting is None else lasting)}
        return Principal(
            subject=key.subject,
            org=key.org,
            kind="human",
            roles=held,
            scopes=scopes_of(held),
            key=key.id,
            session_started_at=key.created_at,
            mfa=key.mfa,
            standing=key.standing,
            until=key.expires_at,
            lent=tuple(role for role in held if role not in lasting_roles),
        )
    return Principal(
        subject=key.subject,
        org=key.org,
        kind="api_key",
        roles=key.roles,
        scopes=key.scopes,
        key=key.id,
        standing=key.standing,
        personal=key.personal,
        until=key.expires_at,
    )


def _key(row: RowMapping) -> ApiKey:
    return ApiKey(**{name: row[name] for name in COLUMNS})


async def audit_key(
    journal: Journal, database: AsyncEngine, note: str, *, verb: str, org: str, actor: str, at: datetime
) -> None:
    """Put one fact about a key into the audit."""
    fact = AuditFact(at=at, org=org, actor=actor, verb=verb, object="key", note=note)
    async with writing(database) as conn:
        await journal.append(conn, fact)
