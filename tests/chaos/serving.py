"""The process that is killed: a whole service, whose colleagues may die where a file says."""

import asyncio
import os
from pathlib import Path
from typing import Any

from domain import Refused
from service.wiring.application import Application, open_application
from tests.chaos import competing, teaming
from tests.chaos.mortal import Doom, mortal
from tests.worlds.house import settings, task
from tests.worlds.quick import employing, idle_house
from tests.worlds.served import served


async def serve(folder: str, port: int, **given: Any) -> None:
    """Serve until killed. The key and the login go to ``told-PID``, whole or not at all."""
    place = Path(folder)
    doom = doom_of(place)

    def changed(application: Application) -> Application:
        return employing(application, mortal(application.nodes, doom))

    async with served(place, port=port, changed=changed, **given) as running:
        partial = place / f"telling-{os.getpid()}"
        partial.write_text(f"{running.key} {running.session}")
        partial.rename(place / f"told-{os.getpid()}")
        await asyncio.Event().wait()


async def advance(folder: str, run: str, **given: Any) -> None:
    """Advance a run once as the command line does it, and write how that went to ``advanced``."""
    place = Path(folder)
    async with open_application(settings(place, **given), models={}) as opened:
        quick = idle_house(opened, place / "deliveries", asyncio.Event())
        application = employing(quick, mortal(quick.nodes, doom_of(place)))
        try:
            await application.engine.create(task(Path("/nowhere"), text="sign it"), id=run)
            said = (await application.engine.advance(run, lambda _: None)).run.status
        except Refused as refused:
            said = refused.stable_code
    (place / "advanced").write_text(said)


async def compete(folder: str, sandbox: str) -> None:
    """Let candidates compete, as ``competing`` does it."""
    await competing.compete(folder, sandbox=sandbox, doom=doom_of(Path(folder)))


async def team_up(folder: str, sandbox: str, server: str) -> None:
    """Let a team work, as ``teaming`` does it."""
    await teaming.team_up(folder, sandbox=sandbox, server=server, doom=doom_of(Path(folder)))


def doom_of(folder: Path) -> Doom:
    """Where the servers of this folder look up where they die."""
    return Doom(folder / "doom")
