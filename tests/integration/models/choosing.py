"""Houses over real endpoints on loopback, for tests of who is asked."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from domain import Task
from service.runs.runs import RunState
from service.wiring.application import Application, open_application
from tests.wire.openai_server import OpenAIServer
from tests.worlds.house import FIX, OK, advance, repository, settings, start, task

PLAN = {"goal": "Fix it", "steps": [{"id": "1", "title": "Fix the sum"}]}
LONG = "Fix the total. " + "A customer complained about it, and the accountants found the same. " * 4
"""Long enough to be planned by a model."""


def saying(*, change: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """A script that plans, changes and reviews for ever."""
    return [
        {"when": "plan", "answer": PLAN, "repeat": True},
        {"when": "code_change", "answer": change or FIX, "repeat": True},
        {"when": "review", "answer": OK, "repeat": True},
        {"when": "text", "answer": "Hello.", "repeat": True},
    ]


def catalogue(folder: Path, **parts: Any) -> Path:
    """A catalogue file with these parts."""
    path = folder / "catalogue.yaml"
    path.write_text(yaml.safe_dump(parts), encoding="utf-8")
    return path


@asynccontextmanager
async def opened(folder: Path, **given: Any) -> AsyncGenerator[Application]:
    """A house over the endpoints that the settings name."""
    async with open_application(settings(folder, **given)) as application:
        yield application


async def delivered(application: Application, folder: Path, *, text: str = LONG, **given: Any) -> RunState:
    """Run a task to its signature, or to its end."""
    repo = folder / "repo"
    wanted = task(repo if repo.exists() else repository(repo), text=text, **given)
    standing, _ = await start(application, wanted)
    return standing


async def asked(application: Application, run: str) -> dict[str, list[str]]:
    """Whom each role asked, in their order."""
    found: dict[str, list[str]] = {}
    for decision in reversed(await application.decisions.latest(application.org, run=run)):
        found.setdefault(decision.role, []).append(decision.choice)
    return found


__all__ = [
    "FIX",
    "LONG",
    "OK",
    "PLAN",
    "Decimal",
    "OpenAIServer",
    "Task",
    "advance",
    "asked",
    "catalogue",
    "delivered",
    "opened",
    "saying",
]
