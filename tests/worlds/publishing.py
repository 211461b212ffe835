"""Runs that are delivered to a forge on loopback."""

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from domain import Event, Plan, Step, Task
from models import Role
from service.runs.runs import RunState
from service.wiring.application import Application
from tests.worlds.forge_server import ForgeServer
from tests.worlds.house import FIX, OK, QUICK, advance, application, decide, start

PATH = "acme/shop"
NEXT = {
    "files_to_update": [
        {"path": "shop/prices.py", "search": '"""Sum of all prices."""', "replace": '"""The sum of all prices."""'}
    ],
    "commit_message": "Say it better",
}
PLAN = Plan(goal="Say it better", steps=(Step(id="say", title="Say it better"),))
ANSWERS: Mapping[Role, list[object]] = {"coder": [FIX], "reviewer": [OK]}


REFINED: Mapping[Role, list[object]] = {"coder": [FIX, NEXT], "reviewer": [OK, OK], "planner": [PLAN]}
"""A second change once somebody wishes for it."""


def forges_file(folder: Path, server: ForgeServer, **more: Any) -> Path:
    """A file for SIGNOFF_FORGES; JSON is YAML, too."""
    file = folder / "forges.yaml"
    file.write_text(json.dumps({"forges": [server.entry()], **more}))
    return file


@asynccontextmanager
async def publishing(
    folder: Path, server: ForgeServer, answers: Mapping[Role, list[object]] = ANSWERS, **given: Any
) -> AsyncGenerator[Application]:
    """A house that knows the forge."""
    if "forges" not in given:
        given["forges"] = forges_file(folder, server)
    async with application(folder, {role: list(said) for role, said in answers.items()}, **given) as opened:
        yield opened


def pr_task(server: ForgeServer, **given: Any) -> Task:
    fields = {"text": "Fix the total", "accept": QUICK, "requester": "ann", "deliver": "pr", **given}
    return Task(**{"repo": server.clone_url(PATH), **fields})


async def signed(opened: Application, standing: RunState) -> tuple[RunState, list[Event]]:
    """Sign what the run waits for, and let it go on."""
    assert standing.run.status == "interrupted", standing.run.ending
    await decide(opened, standing, "approve")
    return await advance(opened, standing.run.id)


async def delivered(opened: Application, wanted: Task) -> RunState:
    """From the task to the delivery, signed once."""
    standing, _ = await start(opened, wanted)
    standing, _ = await signed(opened, standing)
    return standing
