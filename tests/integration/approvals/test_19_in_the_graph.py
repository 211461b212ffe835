"""19. Kill switch mid-run: no further tool call, pending ballots cancelled."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pytest

from domain import Event, Refused
from models import Model, Question, Reply, Role, Scripted
from service.wiring.application import Application, open_application
from tests.worlds.house import (
    BUGGY,
    FIX,
    OK,
    advance,
    application,
    decide,
    git,
    repository,
    settings,
    start,
    story,
    task,
)

T = TypeVar("T")
BUSY = {**FIX, "cmd_instructions": ["true", "echo second"]}


@dataclass(slots=True)
class Interrupted:
    """A model during whose answer somebody throws the switch."""

    model: Model
    application: Application | None = None

    @property
    def name(self) -> str:
        return self.model.name

    async def ask(self, question: Question[T]) -> Reply[T]:
        assert self.application is not None
        (run,) = await self.application.engine.runs.list(org="local")
        await self.application.cancel(run, "olga")
        return await self.model.ask(question)


@pytest.mark.parametrize("role", ["coder", "reviewer"])
async def test_19_after_the_switch_no_tool_is_called(tmp_path: Path, role: Role) -> None:
    repo = repository(tmp_path / "repo")
    answers: dict[Role, Model] = {"coder": Scripted([BUSY], "coder"), "reviewer": Scripted([OK], "reviewer")}
    interrupted = Interrupted(answers[role])
    async with open_application(settings(tmp_path), models={**answers, role: interrupted}) as opened:
        interrupted.application = opened
        events: list[Event] = []
        run = await opened.engine.create(task(repo))
        try:
            await opened.engine.advance(run.id, events.append)
        except Refused as no:  # where the fence of the checkpoints was faster than the next look at the switch
            stopped = no.stable_code
        else:
            stopped = "lease_lost"
        assert stopped == "lease_lost"
        standing, lines = await opened.engine.standing(run.id), story(events)
        after = lines[lines.index("→ execute" if role == "coder" else "→ review") :]
        assert not [line for line in after if "change_applied" in line or "delivered" in line]
        assert not [e for e in events if e.kind == "ballot_opened"]
        assert standing.run.status == "cancelled"
        with pytest.raises(Refused, match="cancelled"):
            await advance(opened, standing.run.id)


HOLD = """import socket
line = socket.socket(socket.AF_UNIX)
line.connect({path!r})
line.recv(1)
"""


async def test_19_between_two_commands(tmp_path: Path) -> None:
    """The commands of one change, too, are looked at one by one. The switch is thrown while the first one runs."""
    second, line = tmp_path / "second", str(tmp_path / "line")
    makefile = f"first:\n\tpython3 hold.py\nsecond:\n\ttouch {second}\n"
    repo = repository(tmp_path / "repo", {**BUGGY, "Makefile": makefile, "hold.py": HOLD.format(path=line)})
    busy = {**FIX, "cmd_instructions": ["make first", "make second"]}
    async with application(tmp_path, {"coder": [busy], "reviewer": [OK]}) as opened:
        run = await opened.engine.create(task(repo, deliver="patch"))
        began: list[str] = []

        async def throw(_: asyncio.StreamReader, answer: asyncio.StreamWriter) -> None:
            began.append(run.id)
            await opened.cancel(run, "olga")
            answer.close()

        async with await asyncio.start_unix_server(throw, line):
            standing, events = await advance(opened, run.id)
    assert began == [run.id]
    assert standing.run.status == "cancelled"
    assert "→ observe" not in story(events)
    assert not second.exists()


async def test_19_what_waits_is_cancelled_and_stays_so(tmp_path: Path) -> None:
    repo = repository(tmp_path / "repo")
    async with application(tmp_path, {"coder": [FIX], "reviewer": [OK]}) as opened:
        standing, _ = await start(opened, task(repo))
        assert standing.ballot is not None
        await opened.cancel(standing.run, "olga")
        assert (await opened.ballots.get(standing.ballot, opened.org)).state == "cancelled"
        with pytest.raises(Refused, match="is cancelled"):
            await decide(opened, standing, "approve")
        with pytest.raises(Refused, match="cancelled"):
            await advance(opened, standing.run.id)
    assert git(repo, "branch", "--list", "signoff/*") == ""
