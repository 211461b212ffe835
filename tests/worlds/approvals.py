"""Stages for ballots: the twin, SQLite and PostgreSQL, each with colleagues a test can look into."""

from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from alembic import command
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter
from rich.console import Console
from sqlalchemy import Connection, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from approvals import AuditFact, Ballot, Notification
from approvals.storage import RememberedBallots, StoredBallots, create_all
from approvals.storage.tables import outbox
from approvals.testing.rehearsal import ChangingRoles, MovableClock, Stage, no, yes
from database import open_engine, sqlite_url
from database.migrations import configuration, upgrade
from service.cli.signing import render
from telemetry.audit import Audit, Folder, Subjects


@dataclass(frozen=True, slots=True)
class Notebook:
    """A journal in memory."""

    facts: list[AuditFact] = field(default_factory=list[AuditFact])

    async def append(self, conn: AsyncConnection, fact: AuditFact) -> None:
        self.facts.append(fact)


@dataclass(frozen=True, slots=True)
class Everyone:
    """One endpoint that wants every letter."""

    def endpoints(self, letter: Notification, chosen: Collection[str] = ()) -> Sequence[str]:
        return ("all",)


def terminal(ballot: Ballot) -> str:
    """What ``signoff approvals show`` prints."""
    page = StringIO()
    render(ballot, Console(file=page, width=60))
    return page.getvalue()


def twin() -> Stage:
    clock, people = MovableClock(), ChangingRoles()
    ballots = RememberedBallots(clock=clock, people=people)

    async def facts() -> Sequence[AuditFact]:
        return ballots.facts

    async def letters() -> Sequence[Notification]:
        return ballots.letters

    return Stage(ballots=ballots, clock=clock, people=people, facts=facts, letters=letters)


def stored(engine: AsyncEngine) -> Stage:
    clock, people, notebook = MovableClock(), ChangingRoles(), Notebook()
    ballots = StoredBallots(engine=engine, clock=clock, people=people, journal=notebook, mailing=Everyone())

    async def facts() -> Sequence[AuditFact]:
        return notebook.facts

    async def letters() -> Sequence[Notification]:
        return await kept_letters(engine)

    return Stage(ballots=ballots, clock=clock, people=people, facts=facts, letters=letters)


async def kept_letters(engine: AsyncEngine) -> Sequence[Notification]:
    async with engine.connect() as conn:
        rows = await conn.execute(select(outbox.c.letter).order_by(outbox.c.seq))
        return [TypeAdapter(Notification).validate_python(row.letter) for row in rows]


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncGenerator[AsyncEngine]:
    engine = open_engine(sqlite_url(folder / "signoff.db"))
    try:
        await create_all(engine)
        yield engine
    finally:
        await engine.dispose()


async def migrate(engine: AsyncEngine, *, down: bool = False, to: str = "") -> None:
    """Run the migrations as a server does; ``to``: back to a revision."""

    def run(connection: Connection) -> None:
        if down or to:
            command.downgrade(configuration(connection), to or "base")
        else:
            upgrade(connection)

    async with engine.begin() as conn:
        await conn.run_sync(run)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A stage whose ballots are really stored and really audited."""

    stage: Stage
    ballots: StoredBallots
    audit: Audit
    engine: AsyncEngine
    witness: Folder

    async def log(self, org: str = "acme") -> list[dict[str, Any]]:
        return [entry async for entry in self.audit.export(org)]


def world(engine: AsyncEngine, folder: Path) -> World:
    clock, people, witness = MovableClock(), ChangingRoles(), Folder(path=folder)
    key = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
    audit = Audit(engine=engine, clock=clock, subjects=Subjects(master=b"m" * 32), witness=witness, signing_key=key)
    ballots = StoredBallots(engine=engine, clock=clock, people=people, journal=audit, mailing=Everyone())

    async def facts() -> Sequence[AuditFact]:
        raise NotImplementedError("read the audit instead")

    async def letters() -> Sequence[Notification]:
        return await kept_letters(engine)

    stage = Stage(ballots=ballots, clock=clock, people=people, facts=facts, letters=letters)
    return World(stage=stage, ballots=ballots, audit=audit, engine=engine, witness=witness)


async def filled(world: World, org: str = "acme") -> None:
    """A dozen lines by three people."""
    for number in range(4):
        ballot = await world.stage.ask(step=f"s{number}", org=org, run=f"{org}-{number}")
        decide = no if number % 2 else yes
        await world.ballots.vote(ballot.id, decide(ballot, "as vera said"), world.stage.human("vera", org=org))
    ballot = await world.stage.ask(step="last", org=org, run=f"{org}-last")
    await world.ballots.vote(ballot.id, yes(ballot), world.stage.human("wanda", org=org))
