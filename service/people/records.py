"""Personal data: every row and trace of an organisation in which a person's name stands, and the name replaced in it.

Nothing here lists columns. Every table is gone through, so that what a later version keeps is covered, too; what
is left as it is stands in ``LEFT``.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, get_args

from sqlalchemy import MetaData, Select, Table, and_, delete, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.elements import ColumnElement

from approvals.storage import forget
from database import empty_log, erasing, open_engine, reading, sqlite_url
from domain import Refused
from domain.identity import alike
from service.auth.api_keys import KEYS
from service.auth.directory import MEMBERS, SERVICE_ACCOUNTS
from service.auth.principal import SCOPES, Role
from service.auth.rate_limits import RATES
from service.errors import refuse
from service.memory.erasure import forget_in_memory
from service.people.renaming import Renaming
from service.plans.plans import METERS
from service.runs.runs import RUNS, Status
from service.runs.threads import THREADS, ThreadStatus
from service.runs.turns import TURNS, TurnStatus
from service.storage.crons import CRONS
from service.storage.schema import EVERY_ROOM
from telemetry import rewrite_trace
from telemetry.audit import Audit

LEFT: Final[Mapping[str, frozenset[str]]] = {
    # What was signed stays as it was signed: its digest is in the votes and in the audit.
    "ballots": frozenset({"action", "diff"}),
    # They forget a person by the loss of a key.
    "audit_log": frozenset(),
    "audit_heads": frozenset(),
    "audit_subjects": frozenset(),
    "audit_notes": frozenset(),
}
"""Columns that keep a name, by table; none: the whole table does."""
_OURS: Final = (
    *SCOPES,
    *map(str, (*get_args(Role), *get_args(Status), *get_args(ThreadStatus), *get_args(TurnStatus), *METERS)),
)
"""What the product itself writes where names stand, too: no row says which of both it is."""
_PAGE: Final = 500
"""Rows that are read at once."""
_PROOFS: Final = frozenset({"mac"})
"""Columns that prove a key: they are nobody's data."""
_THREADS: Final = ("thread_id", "thread", "run", "turn", "ballot", "account")
"""Columns that say whose row it is where no column says the organisation."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A row with a person's name in it, as it is and as it would be."""

    table: Table
    row: Mapping[str, Any]
    changed: Mapping[str, Any]
    thread: str
    """Empty: it belongs to none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What an erasure or a correction came to."""

    name: str
    """What stands where the name stood."""
    ballots: int
    rows: Mapping[str, int]
    """Rows that were written, by table."""
    traces: int


@dataclass(frozen=True, slots=True)
class _Owned:
    """Ids of an organisation: rows name it by one of them."""

    org: str
    ids: frozenset[str]
    threads: Mapping[str, str]
    """The thread of each turn."""
    at_work: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalData:
    """Finds a person in everything that is kept, hands it out, corrects their name, and forgets them."""

    engine: AsyncEngine
    audit: Audit
    home: Path
    """The data directory."""
    clock: Callable[[], datetime]
    checkpoints: Path | None = None
    """A file of SQLite; None: they are in ``engine``'s database."""
    _declared: dict[str, Table] = field(
        default_factory=lambda: {table.name: table for room in EVERY_ROOM for table in room.sorted_tables}, repr=False
    )

    async def export(self, org: str, name: str) -> dict[str, list[dict[str, Any]]]:
        """Every row in which the person stands, by table, and under ``audit`` what the record says they did.

        States of threads are named and not repeated: their values are in the thread's history (``GET
        /threads/{id}/history``).

        Raises:
            Refused: ``subject_unknown``.
        """
        rows: dict[str, list[dict[str, Any]]] = {}
        async for mention in self._mentions(org, Renaming(name, f"\0{name}")):
            values = {key: _plain(value) for key, value in mention.row.items() if key not in _PROOFS}
            rows.setdefault(mention.table.name, []).append(values)
        if lines := [line async for line in self.audit.export(org, subject=name)]:
            rows["audit"] = lines
        if traced := await self._traced(await self._owned(org), Renaming(name, f"\0{name}"), write=False):
            rows["traces"] = [{"run": run} for run in traced]
        if not rows:
            raise unknown(name)
        return rows

    async def erase(self, org: str, name: str) -> Forgotten:
        """Forget a person: their keys and sessions end, their crons go, and a pseudonym stands where they stood.

        Raises:
            Refused: ``subject_unknown``; ``subject_ambiguous``: other things have this name, too;
                ``person_at_work``: a run that names them is being worked on.
        """
        _ensure_theirs_alone(org, name)
        async with reading(self.engine) as conn:
            known = await self.audit.subjects.find(conn, org, name)
        if known is None and not await self._stands_anywhere(org, name):
            raise unknown(name)
        async with erasing(self.engine) as conn:
            ref = await self.audit.subjects.ref(conn, org, name)
        renaming = Renaming(name, ref)

        async def ended(conn: AsyncConnection) -> int:
            now = self.clock()
            mine = and_(KEYS.c.org == org, KEYS.c.subject == name)
            await conn.execute(update(KEYS).where(mine).values(expires_at=now))
            for table in (MEMBERS, SERVICE_ACCOUNTS, CRONS):
                await conn.execute(delete(table).where(table.c.org == org, table.c.subject == name))
            touched = await forget(conn, org, name, ref)
            await forget_in_memory(conn, org, name, ref)
            await self.audit.erase(conn, org, name)
            return touched

        return await self._renamed(org, renaming, ended)

    async def rename(self, org: str, old: str, new: str) -> Forgotten:
        """Correct a person's name everywhere but in what was signed.

        Raises:
            Refused: ``subject_unknown``, ``subject_ambiguous``, ``subject_collides``, ``person_at_work``,
                ``request_invalid`` for a name that cannot be one.
        """
        if not new.strip() or any(char in '"\\' or not char.isprintable() for char in new):
            raise refuse(
                "request_invalid",
                "A name has letters, and neither quotes, backslashes nor control characters.",
                hint="Write the name as the person signs with it.",
            )
        for name in (old, new):
            _ensure_theirs_alone(org, name)
        if await self._is_somebody(org, new):
            raise refuse(
                "subject_collides",
                f"{new!r} is somebody in this organisation already, and two people may not become one.",
                hint="Choose a name that nobody has.",
            )
        if not await self._stands_anywhere(org, old):
            raise unknown(old)

        async def corrected(conn: AsyncConnection) -> int:
            await self.audit.subjects.rename(conn, org, old, new)
            return await forget(conn, org, old, new, keep_words=True)

        return await self._renamed(org, Renaming(old, new), corrected)

    async def _renamed(
        self, org: str, renaming: Renaming, first: Callable[[AsyncConnection], Awaitable[int]]
    ) -> Forgotten:
        owned = await self._owned(org)
        busy = sorted({each.thread async for each in self._mentions(org, renaming) if each.thread in owned.at_work})
        if busy:
            raise Refused(
                f"Runs that name this person are being worked on: {', '.join(busy[:5])}.",
                code="person_at_work",
                hint="Wait until they rest, or stop them, and try again: what they hold in memory is written again.",
            )
        rows: dict[str, int] = {}
        traces = await self._traced(owned, renaming, write=True)
        if self.checkpoints is not None:
            async with self._checkpoint_engine() as engine, erasing(engine) as conn:
                await self._rewrite(conn, owned, renaming, rows)
        # Last, in one transaction with the record: who is cut off before it begins anew finds the name still there.
        async with erasing(self.engine) as conn:
            for hit in (await conn.execute(select(RATES.c.name).distinct())).scalars().all():
                if renaming.text(hit) != hit:  # it would be gone in three minutes
                    await conn.execute(delete(RATES).where(RATES.c.name == hit))
            ballots = await first(conn)
            await self._rewrite(conn, owned, renaming, rows)
        for file in self.home.glob("*.db"):
            await asyncio.to_thread(empty_log, file)
        return Forgotten(name=renaming.new, ballots=ballots, rows=rows, traces=len(traces))

    async def _is_somebody(self, org: str, name: str) -> bool:
        async with reading(self.engine) as conn:
            if await self.audit.subjects.find(conn, org, name) is not None:
                return True
            for table in (KEYS, MEMBERS, SERVICE_ACCOUNTS):
                query = select(table.c.subject).where(table.c.org == org)
                if any(alike(name, each) for each in (await conn.execute(query)).scalars()):
                    return True
        return False

    async def _stands_anywhere(self, org: str, name: str) -> bool:
        async with reading(self.engine) as conn:
            if await self.audit.subjects.find(conn, org, name) is not None:
                return True
        async for _ in self._mentions(org, Renaming(name, f"\0{name}")):
            return True
        return False

    async def _mentions(self, org: str, renaming: Renaming) -> AsyncGenerator[Mention]:
        owned = await self._owned(org)
        if self.checkpoints is not None and self.checkpoints.exists():
            async with self._checkpoint_engine() as engine, reading(engine) as conn:
                async for mention in self._stated(conn, owned, renaming):
                    yield mention
        async with reading(self.engine) as conn:
            async for mention in self._stated(conn, owned, renaming):
                yield mention

    async def _rewrite(self, conn: AsyncConnection, owned: _Owned, renaming: Renaming, rows: dict[str, int]) -> None:
        # Read to the end first: a row that is written may come up again.
        for mention in [each async for each in self._stated(conn, owned, renaming)]:
            key = and_(*(column == mention.row[column.key] for column in mention.table.primary_key))
            await conn.execute(update(mention.table).where(key).values(**mention.changed))
            rows[mention.table.name] = rows.get(mention.table.name, 0) + 1

    async def _stated(self, conn: AsyncConnection, owned: _Owned, renaming: Renaming) -> AsyncGenerator[Mention]:
        there = MetaData()
        await conn.run_sync(there.reflect)
        for reflected in there.sorted_tables:
            table = self._declared.get(reflected.name, reflected)
            left = LEFT.get(table.name)
            if left == frozenset() or not table.primary_key:
                continue
            async for mention in _of_table(conn, table, owned, renaming, left or frozenset()):
                yield mention

    async def _owned(self, org: str) -> _Owned:
        async with reading(self.engine) as conn:
            runs = (await conn.execute(select(RUNS.c.id, RUNS.c.lease_until).where(RUNS.c.org == org))).all()
            threads = (await conn.execute(select(THREADS.c.id).where(THREADS.c.org == org))).scalars().all()
            turns = (await conn.execute(select(TURNS.c.id, TURNS.c.thread).where(TURNS.c.org == org))).all()
            ballots = self._declared["ballots"]
            asked = (await conn.execute(select(ballots.c.id, ballots.c.run).where(ballots.c.org == org))).all()
        now = self.clock()
        of_thread = {str(row.id): str(row.thread) for row in turns} | {str(row.id): str(row.run) for row in asked}
        ids = {*(str(row.id) for row in runs), *map(str, threads)}
        return _Owned(
            org=org,
            ids=frozenset(ids | of_thread.keys()),
            threads=of_thread,
            at_work=frozenset(str(row.id) for row in runs if row.lease_until is not None and row.lease_until > now),
        )

    @asynccontextmanager
    async def _checkpoint_engine(self) -> AsyncGenerator[AsyncEngine]:
        assert self.checkpoints is not None  # noqa: S101  asked by the callers
        engine = open_engine(sqlite_url(self.checkpoints))
        try:
            yield engine
        finally:
            await engine.dispose()

    async def _traced(self, owned: _Owned, renaming: Renaming, *, write: bool) -> list[str]:
        """The runs whose spans name the person; with ``write`` their files are replaced."""
        folder = self.home / "traces"
        return [each for each in sorted(owned.ids) if await rewrite_trace(folder, each, renaming.text, write=write)]


async def _of_table(
    conn: AsyncConnection, table: Table, owned: _Owned, renaming: Renaming, left: frozenset[str]
) -> AsyncGenerator[Mention]:
    naming = next((name for name in _THREADS if name in table.c), None)
    key = tuple_(*table.primary_key)
    query = select(table).order_by(*table.primary_key).limit(_PAGE)
    if "org" in table.c:
        query = query.where(table.c.org == owned.org)
    elif naming is None:
        return
    async for row in _pages(conn, query, key, [column.key for column in table.primary_key]):
        thread = _thread_of(row, naming, owned)
        if "org" not in table.c and thread is None:
            continue
        changed = {
            key: after
            for key, before in row.items()
            if key not in left and (after := renaming.value(before)) is not before
        }
        if changed:
            yield Mention(table, row, changed, thread or "")


async def _pages(
    conn: AsyncConnection, query: Select[Any], key: ColumnElement[Any], names: Sequence[str]
) -> AsyncGenerator[dict[str, Any]]:
    """Rows in the order of their key, a page at a time: a table may be larger than the memory."""
    page = query
    while rows := [dict(row) for row in (await conn.execute(page)).mappings()]:
        for row in rows:
            yield row
        page = query.where(key > tuple(rows[-1][name] for name in names))


def _thread_of(row: Mapping[str, Any], naming: str | None, owned: _Owned) -> str | None:
    """The thread of a row; None: of none of the organisation's."""
    id_ = str(row[naming]) if naming is not None else str(row.get("id", ""))
    if naming == "account":
        id_ = id_.removeprefix(f"{owned.org}/")
    return owned.threads.get(id_, id_) if id_ in owned.ids else None


def _plain(value: Any) -> Any:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode()
    except UnicodeDecodeError:
        return f"({len(value)} bytes)"


def _ensure_theirs_alone(org: str, name: str) -> None:
    """Raise where replacing a name would replace more than a person: empty columns, roles, states, the organisation."""
    if not name.strip():
        raise unknown(name)
    words = [org, *_OURS]
    if Renaming(name, f"\0{name}").value(words) is not words:
        raise Refused(
            f"{name!r} is also the name of this organisation, or a word of Signoff's own: no row says which.",
            code="subject_ambiguous",
            hint="Nothing was changed. Take their access with signoff keys revoke, and away from the members with "
            "DELETE /v1/members/{subject}.",
        )


def unknown(name: str) -> Refused:
    """Nobody of this name is anywhere."""
    return Refused(
        f"Nothing that is kept here names {name!r}.",
        code="subject_unknown",
        hint="See who is in the record: signoff audit export",
    )


__all__ = ["LEFT", "Forgotten", "Mention", "PersonalData", "unknown"]
