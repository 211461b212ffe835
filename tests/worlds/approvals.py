"""Stages for ballots: the twin, SQLite and PostgreSQL, each with colleagues a test can look into."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from approvals import Fact, Letter, RememberedBallots, StoredBallots, create_all, open_engine, sqlite_url
from approvals.rehearsal import Hourglass, Staffing, Stage
from approvals.tables import outbox


@dataclass(frozen=True, slots=True)
class Notebook:
    """A journal in memory."""

    facts: list[Fact] = field(default_factory=list[Fact])

    async def append(self, conn: AsyncConnection, fact: Fact) -> None:
        self.facts.append(fact)


@dataclass(frozen=True, slots=True)
class Everyone:
    """One endpoint that wants every letter."""

    def endpoints(self, letter: Letter) -> Sequence[str]:
        return ("all",)


def twin() -> Stage:
    clock, people = Hourglass(), Staffing()
    ballots = RememberedBallots(clock=clock, people=people)

    async def facts() -> Sequence[Fact]:
        return ballots.facts

    async def letters() -> Sequence[Letter]:
        return ballots.letters

    return Stage(ballots=ballots, clock=clock, people=people, facts=facts, letters=letters)


def stored(engine: AsyncEngine) -> Stage:
    clock, people, notebook = Hourglass(), Staffing(), Notebook()
    ballots = StoredBallots(engine=engine, clock=clock, people=people, journal=notebook, mailing=Everyone())

    async def facts() -> Sequence[Fact]:
        return notebook.facts

    async def letters() -> Sequence[Letter]:
        async with engine.connect() as conn:
            rows = await conn.execute(select(outbox.c.letter).order_by(outbox.c.seq))
            return [TypeAdapter(Letter).validate_python(row.letter) for row in rows]

    return Stage(ballots=ballots, clock=clock, people=people, facts=facts, letters=letters)


@asynccontextmanager
async def sqlite(folder: Path) -> AsyncGenerator[AsyncEngine]:
    engine = open_engine(sqlite_url(folder / "signoff.db"))
    try:
        await create_all(engine)
        yield engine
    finally:
        await engine.dispose()
