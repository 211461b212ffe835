"""Prompts of an installation over a real database: processes, runs that end as a test says, and what was recorded."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from approvals import Announcement, AuditFact
from approvals.channels import Subscriptions, WebhookEndpoint
from approvals.storage import StoredOutbox
from database import fetch_all
from domain import Spent, Task
from models import Prompt
from models.prompts import PromptFiles
from service.prompts.canaries import Canaries
from service.prompts.changes import PromptChanges
from service.prompts.record import PromptRecord
from service.prompts.selection import RunPrompts
from service.prompts.tables import PROMPT_RUNS
from service.prompts.versions import PromptVersions
from service.runs.runs import RUNS, Run, Runs, RunState, Status

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="  # noqa: S105  of the tests
TASK = Task(text="do it", repo="/nowhere", requester="ann")
START = datetime(2026, 6, 1, tzinfo=UTC)


def prompt(text: str, *, name: str = "plan", version: str = "", label: Any = "production") -> Prompt:
    """A version that says a text."""
    return Prompt.parse(f"<!-- user -->\n{text}\n", name=name, version=version, label=label)


OLD, NEW = prompt("old {{ x }}", version="old-1"), prompt("new {{ x }}", version="new-1", label="staging")


@dataclass
class Audits:
    """A journal that only remembers."""

    facts: list[AuditFact] = field(default_factory=list[AuditFact])

    async def append(self, conn: AsyncConnection, fact: AuditFact) -> None:
        self.facts.append(fact)


@dataclass
class PromptWorld:
    """An installation whose clock stands, and whose prompt files can be exchanged."""

    engine: AsyncEngine
    audits: Audits = field(default_factory=Audits)
    now: datetime = START
    files: dict[str, PromptFiles] = field(default_factory=lambda: {"plan": PromptFiles(prompts=(OLD, NEW))})
    number: int = 0

    def process(self) -> RunPrompts:
        """The prompts of one more process."""
        endpoint = WebhookEndpoint(name="chat", url="https://a.example/", secrets=(SECRET,), kind="slack")
        told = Subscriptions(all=(endpoint,))
        record = PromptRecord(audit=self.audits, told=told, clock=lambda: self.now)
        versions = PromptVersions(engine=self.engine, sources=self.files, clock=lambda: self.now)
        changes = PromptChanges(engine=self.engine, versions=versions, record=record)
        return RunPrompts(canaries=Canaries(engine=self.engine, changes=changes), org="acme")

    def later(self, **given: float) -> None:
        self.now += timedelta(**given)

    async def run(self, *, org: str = "acme", forked_from: str | None = None, id_: str = "") -> str:
        """A run that was asked for now."""
        self.number += 1
        run = Run(
            id=id_ or f"run-{self.number}",
            org=org,
            requester="ann",
            status="running",
            task=TASK,
            forked_from=forked_from,
            created_at=self.now,
            updated_at=self.now,
        )
        await Runs(engine=self.engine).add(run)
        return run.id

    async def ends(self, prompts: RunPrompts, run: str, status: Status, *, steps: int = 3, cost: str = "0.5") -> None:
        """A run comes to rest two minutes later, half a minute of which it waited."""
        runs = Runs(engine=self.engine)
        generation = await runs.claim(run, "me", now=self.now, lease_for=timedelta(minutes=5))
        stood = await runs.get(run, org=(await self.row(run))["org"])
        at = stood.created_at + timedelta(minutes=2)
        assert await runs.settle(run, generation, status, now=at)
        spent = Spent(steps=steps, cost=Decimal(cost), waited_seconds=30.0)
        await prompts.rested(RunState(run=replace(stood, status=status, updated_at=at), values={"spent": spent}))

    async def row(self, run: str) -> Any:
        (row,) = await fetch_all(self.engine, select(RUNS).where(RUNS.c.id == run), {})
        return row

    async def spoken(self, run: str) -> dict[str, str]:
        """Which version of which prompt a run speaks, by the table."""
        query = select(PROMPT_RUNS.c.name, PROMPT_RUNS.c.version).where(PROMPT_RUNS.c.run == run)
        return {row["name"]: row["version"] for row in await fetch_all(self.engine, query, {})}

    async def letters(self) -> list[Announcement]:
        """What was written for those who are told, the oldest first."""
        items = await StoredOutbox(engine=self.engine, clock=lambda: self.now).list("acme", limit=1_000)
        return [item.letter for item in reversed(items) if isinstance(item.letter, Announcement)]


async def said(prompts: RunPrompts, run: str, name: str = "plan") -> str:
    """What a run says with a prompt."""
    (message,) = await prompts.sources[name].render(run, x=run)
    return message.content.split()[0]
