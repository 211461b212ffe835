"""Directory of an organisation: its members, with the roles their login said they hold, and its service accounts.

A service account is no member: it signs nothing, and makes nobody work among several. It is known by its name alone.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import JSON, Column, DateTime, Select, String, Table, bindparam, delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from database import reading, writing
from domain.identity import alike, person, respelled
from service.errors import refuse
from service.tables import METADATA

MEMBERS = Table(
    "members",
    METADATA,
    Column("org", String(200), primary_key=True),
    Column("subject", String(300), primary_key=True),
    Column("roles", JSON, nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
)
SERVICE_ACCOUNTS = Table(
    "service_accounts",
    METADATA,
    Column("org", String(200), primary_key=True),
    Column("subject", String(300), primary_key=True),
    Column("seen_at", DateTime(timezone=True), nullable=False),
)
_M, _S = MEMBERS.c, SERVICE_ACCOUNTS.c
_ROLES = select(_M.roles).where(
    _M.org == bindparam("org", type_=String), _M.subject == bindparam("subject", type_=String)
)
"""Built once: each vote asks it."""

AdmitPerson = Callable[[AsyncConnection, str, str], Awaitable[None]]
"""Connection, organisation, person: refuses by raising, in the transaction that adds a person, under its lock."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The approvals room asks here when an approval is used: a role that was taken away does not count."""

    engine: AsyncEngine
    others: Callable[[str], Select[tuple[str]]] = lambda org: select(_M.subject).where(_M.org == org)
    """Subjects of an organisation that a new member could be taken for, besides the members."""
    named: tuple[str, ...] = ()
    """People whom the settings name."""
    admit: AdmitPerson | None = None

    async def roles(self, org: str, subject: str) -> Sequence[str]:
        """The roles this person holds now; none for a stranger."""
        return await self._known(org, subject) or ()

    async def _known(self, org: str, subject: str) -> Sequence[str] | None:
        """The roles of a member; None for somebody who was never seen, also of those that have none."""
        async with reading(self.engine) as conn:
            roles = (await conn.execute(_ROLES, {"org": org, "subject": subject})).scalar_one_or_none()
        return None if roles is None else tuple(roles)

    async def seen(self, org: str, subject: str, roles: Sequence[str], *, now: datetime) -> None:
        """Remember what a verified login says, where it says something new. Raises ``subject_collides``."""
        # Read first: most logins say nothing new, and reading waits for no lock.
        if await self._known(org, subject) == tuple(roles):
            return
        here = (_M.org == org, _M.subject == subject)
        values = {"roles": list(roles), "seen_at": now}
        async with writing(self.engine) as conn:
            # A member who comes again under the same name collides with nobody.
            if (await conn.execute(update(MEMBERS).where(*here).values(**values))).rowcount:
                return
        try:
            async with writing(self.engine) as conn:
                await ensure_apart(conn, org, subject, self.others(org), named=self.named, login=True)
                if self.admit is not None:
                    await self.admit(conn, org, subject)
                await conn.execute(insert(MEMBERS).values(org=org, subject=subject, **values))
        except IntegrityError:  # two requests of a new member at once; both said the same
            return

    async def seen_service(self, org: str, subject: str, *, now: datetime) -> None:
        """Remember the name of a service account that the issuer vouches for. Raises ``subject_collides``.

        What it asks for is shown to signers under that name, so it passes for nobody, and later nobody for it.
        """
        async with reading(self.engine) as conn:
            query = select(_S.subject).where(_S.org == org, _S.subject == subject)
            if (await conn.execute(query)).first() is not None:
                return
        try:
            async with writing(self.engine) as conn:
                await ensure_apart(conn, org, subject, self.others(org), named=self.named, login=True)
                await conn.execute(insert(SERVICE_ACCOUNTS).values(org=org, subject=subject, seen_at=now))
        except IntegrityError:  # its first two requests at once
            return

    async def remove(self, org: str, subject: str) -> None:
        """Forget a member: whatever they approved and was not used yet does not count any more."""
        async with writing(self.engine) as conn:
            await conn.execute(delete(SERVICE_ACCOUNTS).where(_S.org == org, _S.subject == subject))
            await conn.execute(delete(MEMBERS).where(_M.org == org, _M.subject == subject))


async def ensure_apart(
    conn: AsyncConnection,
    org: str,
    subject: str,
    others: Select[tuple[str]],
    *,
    named: Sequence[str] = (),
    login: bool = False,
) -> None:
    """Refuse a new subject that could be taken for one of the organisation, inside the transaction that adds it.

    ``login``: an issuer vouches for it, so other capitals or spaces are the same person, who counts once.

    Raises:
        Refused: ``subject_collides``; ``request_invalid`` for a name that shows nothing.
    """
    if conn.dialect.name == "postgresql":  # two such names at once would not see each other; SQLite has one writer
        await conn.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:org, 0))"), {"org": f"subjects {org}"})
    everybody = others.union(
        select(_M.subject).where(_M.org == org),
        select(_S.subject).where(_S.org == org),
    )
    known = {str(name) for name in (await conn.execute(everybody)).scalars()} | {*named}
    if subject in known:
        return
    if not person(subject):
        raise refuse("request_invalid", "This name shows nothing.")
    if any(alike(subject, other) and not (login and respelled(subject, other)) for other in known):
        raise refuse("subject_collides", "This name could be taken for one that is known here.")
