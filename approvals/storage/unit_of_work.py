"""Unit of work: one change of a ballot, in one transaction with its line in the audit and its notifications."""

from collections.abc import AsyncGenerator, AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol

from sqlalchemy import bindparam, exists, func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from approvals.ballot import Ballot
from approvals.contract import Clock
from approvals.errors import of_several, refusal
from approvals.events import AuditFact, Notification, fact, letter, refused_fact
from approvals.pagination import known
from approvals.quorum import effective
from approvals.storage import rows
from approvals.storage.notices import chosen
from approvals.storage.outbox import post
from approvals.storage.tables import ballots, kills
from database import writing
from domain import Refused

KILLED = select(exists().where(kills.c.org == bindparam("of"), kills.c.run == bindparam("named")))
"""Made once: it is asked before every step that acts."""
REJECTED = select(func.count()).where(
    ballots.c.org == bindparam("of"), ballots.c.run == bindparam("named"), ballots.c.state == "rejected"
)
"""Made once: each vote asks it."""


class Journal(Protocol):
    """Writes facts to the audit chain, inside the caller's transaction."""

    async def append(self, conn: AsyncConnection, fact: AuditFact) -> None: ...


class Mailing(Protocol):
    """Knows who is told what."""

    def endpoints(self, letter: Notification, chosen: Collection[str] = ()) -> Sequence[str]:
        """Names of the endpoints that want this letter; ``chosen``: channels that people want to be told by."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class BallotUnitOfWork:
    """Lends ballots for a change, and writes everything that follows from it."""

    engine: AsyncEngine
    clock: Clock
    journal: Journal
    mailing: Mailing

    @asynccontextmanager
    async def changing(
        self, id_: str, org: str, actor: str, *digests: str
    ) -> AsyncGenerator[tuple[AsyncConnection, Ballot]]:
        """Lend the ballot, locked. A refusal inside is recorded, and then raised."""
        refused: Refused | None = None
        async with writing(self.engine) as conn:
            stored = await rows.read_one(conn, known(id_), lock=True)
            self.seen(stored, org)
            try:
                async with conn.begin_nested():  # what a refused verb had begun to write is undone
                    yield conn, stored[0]
            except Refused as no:
                refused = no
                await self.journal.append(conn, refused_fact(stored[0], no, actor, self.clock(), *digests))
        # Raised outside of the transaction, which would take the line in the audit with it.
        if refused:
            raise refused

    @asynccontextmanager
    async def changing_all(
        self, ids: Sequence[str], org: str, actor: str
    ) -> AsyncGenerator[tuple[AsyncConnection, AsyncIterator[Ballot]]]:
        """Lend several ballots, one after the other, each locked. A refusal undoes all of it, is recorded and raised.

        The refusal belongs to the ballot that was lent last.
        """
        refused: Refused | None = None
        async with writing(self.engine) as conn:
            lent: list[Ballot] = []

            async def each() -> AsyncGenerator[Ballot]:
                for id_ in ids:
                    stored = await rows.read_one(conn, id_, lock=True)
                    self.seen(stored, org)
                    lent.append(stored[0])
                    yield stored[0]

            try:
                async with conn.begin_nested():
                    yield conn, each()
            except Refused as no:
                refused = no
                if lent:
                    await self.journal.append(conn, refused_fact(lent[-1], no, actor, self.clock()))
        if refused:
            raise of_several(refused, lent[-1].id) if lent else refused

    async def put(
        self, conn: AsyncConnection, before: Ballot | None, now_: Ballot, verb: str, actor: str, *, note: str = ""
    ) -> Ballot:
        await rows.write(conn, before, now_)
        await self.journal.append(conn, fact(now_, verb, actor, self.clock(), note=note))
        if notification := letter(before, now_, self.clock()):
            noted = notification.topic == "approval.noted"
            people = await chosen(conn, now_.org, now_.requester) if noted else ()
            for endpoint in self.mailing.endpoints(notification, people):
                await post(conn, notification, at=self.clock(), org=notification.org, endpoint=endpoint)
        return now_

    def seen(self, stored: Sequence[Ballot], org: str) -> Ballot:
        if not stored or stored[0].org != org:
            raise refusal("approval_missing", "There is no such approval.")
        return replace(stored[0], state=effective(stored[0], self.clock()))


async def is_killed(conn: AsyncConnection, org: str, run: str) -> bool:
    return bool((await conn.execute(KILLED, {"of": org, "named": run})).scalar_one())


async def rejections(conn: AsyncConnection, org: str, run: str) -> int:
    """How often a question of this run was answered with a no."""
    return int((await conn.execute(REJECTED, {"of": org, "named": run})).scalar_one())


async def ensure_alive(conn: AsyncConnection, org: str, run: str) -> None:
    """Refuse with ``run_killed`` once the kill switch was thrown."""
    if await is_killed(conn, org, run):
        raise refusal("run_killed", f"Run {run} was stopped.")
