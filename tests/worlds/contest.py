"""Several providers over one small repository: a contest of candidates, each on a fork of its own."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from opentelemetry.trace import NoOpTracer, Tracer

from domain import CodeChange, CommandRun, FileEdit, Refused
from domain.evidence import TestReport
from models import Bench, ChangeRequest, Proposal, Usage
from models.contract import Listener, book
from nodes.coder.candidate_runs import CandidateRuns, WorkspaceBench
from sandbox import Local, Spec, Store, Workspaces
from tests.worlds.house import repository


def change(replacement: str, *commands: str) -> CodeChange:
    """The buggy line of the house's little repository, replaced."""
    edit = FileEdit(path="shop/prices.py", search="    return sum(prices[1:])", replace=f"    {replacement}")
    return CodeChange(files_to_update=(edit,), cmd_instructions=commands)


RIGHT, WRONG = change("return sum(prices)"), change("return sum(prices[2:])")
BROKEN = change("return sum(prices")


@dataclass(slots=True, kw_only=True)
class Told:
    """Proposes what it was told to, after ``delay_s``, or once ``until`` is set."""

    name: str
    change: CodeChange = RIGHT
    delay_s: float = 0.0
    until: asyncio.Event | None = None
    cancelled: bool = False
    repairs: bool = False
    run: CommandRun | None = None
    """What it ran itself."""
    usage: Usage = field(default_factory=lambda: Usage(tokens_in=100, tokens_out=10, calls=1))

    async def propose(self, job: ChangeRequest, bench: Bench, *, listener: Listener | None = None) -> Proposal:
        try:
            await asyncio.sleep(self.delay_s)
            if self.until is not None:
                await self.until.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        book(self.usage)
        return Proposal(provider=self.name, change=self.change, usage=self.usage, run=self.run)


@asynccontextmanager
async def contest(
    folder: Path,
    accept: str,
    *,
    before: TestReport | None = None,
    tracer: Tracer | None = None,
    signed: Sequence[CodeChange] = (),
) -> AsyncGenerator[tuple[CandidateRuns, Bench]]:
    """Where to compete: the trials, and the bench of the main workspace. Changes in ``signed`` need a signature."""
    store = Store(folder / "store")
    workspaces = Workspaces(Local(unsafe=True), store, Spec(image="none"))
    try:
        pinned = await store.pin("run", str(repository(folder / "repo")))
        workspace = await workspaces.open("run", pinned)
        base = await workspace.snapshot("base")
        trials = CandidateRuns(
            workspaces=workspaces,
            run="run",
            lane="candidate-1",
            pinned=pinned,
            snapshot=base,
            accept=accept,
            env={},
            seconds=60,
            tracer=tracer or NoOpTracer(),
            before=before,
            profile="sealed",
            automatic=lambda wanted: wanted not in signed,
            alive=_alive,
        )
        yield trials, WorkspaceBench(workspace, {})
    finally:
        await workspaces.close()


async def _alive() -> None:
    """Nobody stopped it."""


def stopped(trials: CandidateRuns) -> CandidateRuns:
    """The same after somebody pulled the kill switch."""

    async def killed() -> None:
        raise Refused("Stopped for good.", code="run_killed", hint="Start another.")

    return replace(trials, alive=killed)
