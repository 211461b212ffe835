"""A whole house for tests: the real wiring over SQLite in a folder, a scripted model, the sandbox's twin."""

import subprocess
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from approvals import Clock
from database import now
from domain import Event, Task
from models import Model, Role, Scripted
from service.cli.signing import vote
from service.runs.runs import RunState
from service.settings import Settings
from service.wiring.application import Application, open_application

GIT = ["git", "-c", "user.name=t", "-c", "user.email=t@example.invalid", "-c", "commit.gpgsign=false"]
BUGGY = {
    "shop/__init__.py": "",
    "shop/prices.py": 'def total(prices):\n    """Sum of all prices."""\n    return sum(prices[1:])\n',
    "tests/test_prices.py": (
        "from shop.prices import total\n\n\ndef test_total():\n    assert total([1, 2, 3]) == 6\n\n\n"
        "def test_nothing():\n    assert total([]) == 0\n"
    ),
}
QUICK = "python3 -c 'from shop.prices import total; assert total([1, 2, 3]) == 6; assert total([]) == 0'"
"""Proves the same as the tests in a tenth of the time."""
FIX = {
    "files_to_update": [
        {"path": "shop/prices.py", "search": "    return sum(prices[1:])", "replace": "    return sum(prices)"}
    ],
    "commit_message": "Count the first price too",
}
OK = {"status": "ok", "final_answer_markdown": "The first price was left out of the sum."}


def git(folder: Path, *words: str) -> str:
    """Run git and return what it printed."""
    return subprocess.run([*GIT, "-C", str(folder), *words], check=True, capture_output=True, text=True).stdout.strip()


def repository(folder: Path, files: Mapping[str, str] = BUGGY) -> Path:
    """A git repository with these files in one commit on main."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "start")
    return folder


def settings(folder: Path, **given: Any) -> Settings:
    """Settings of a house in ``folder`` that runs commands in the twin."""
    return Settings(home=folder / "home", sandbox=given.pop("sandbox", "unsafe-local"), **given)


@asynccontextmanager
async def application(
    folder: Path,
    answers: Mapping[Role, list[object]] | None = None,
    *,
    clock: Clock = now,
    served_to: str | None = None,
    **given: Any,
) -> AsyncGenerator[Application]:
    """The house with scripted models for the roles in ``answers``; no models when it is None."""
    models: dict[Role, Model] = {role: Scripted(said, name=role) for role, said in (answers or {}).items()}
    async with open_application(settings(folder, **given), models=models, clock=clock, served_to=served_to) as opened:
        yield opened


def task(repo: Path, **given: Any) -> Task:
    """A task on a repository, requested by ann."""
    fields = {"text": "Fix the total", "accept": QUICK, "requester": "ann", **given}
    return Task(repo=str(repo), **fields)


async def advance(opened: Application, run: str) -> tuple[RunState, list[Event]]:
    """Advance once; the events come back too."""
    heard: list[Event] = []
    standing = await opened.engine.advance(run, heard.append)
    return standing, heard


async def start(opened: Application, wanted: Task) -> tuple[RunState, list[Event]]:
    """Create a run and advance it once."""
    return await advance(opened, (await opened.engine.create(wanted)).id)


async def decide(opened: Application, standing: RunState, choice: str, comment: str = "", person: str = "ann") -> None:
    """Cast one vote on the ballot that a run waits for."""
    assert standing.ballot is not None
    ballot = await opened.ballots.get(standing.ballot, opened.org)
    await vote(opened, ballot, choice, comment=comment, person=person)


def story(events: list[Event]) -> list[str]:
    """Events as short lines without anything that differs between two runs."""
    kept = {
        "run_started",
        "plan_made",
        "step_started",
        "change_applied",
        "observed",
        "replanned",
        "reviewed",
        "ballot_opened",
        "ballot_decided",
        "delivered",
        "risk_rated",
        "candidate_tried",
    }
    lines: list[str] = []
    for event in events:
        if event.kind == "node_started":
            lines.append(f"→ {event.node}")
        elif event.kind in kept:
            shown = event.message if event.kind in {"change_applied", "observed", "reviewed", "risk_rated"} else ""
            lines.append(f"  {event.kind} {shown}".rstrip())
    return lines
