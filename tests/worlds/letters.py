"""A process that opens a question and ends a turn, and is killed once both are written, before anything is sent."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from sqlalchemy.ext.asyncio import AsyncConnection

from database import now
from service.runs.executor import TurnExecutor
from service.runs.threads import Threads
from service.runs.turns import Turn, Turns
from service.wiring.application import open_application
from service.wiring.server import ServerContext
from tests.worlds.engines import asked
from tests.worlds.house import settings
from tests.worlds.quick import idle_house


@dataclass(frozen=True, slots=True, kw_only=True)
class MortalTurns(Turns):
    """Dies of ``kill -9`` as soon as the end of a turn is committed."""

    async def finish(
        self, turn: Turn, thread: str, *, also: Callable[[AsyncConnection], Awaitable[object]] | None = None
    ) -> bool:
        await super(MortalTurns, self).finish(turn, thread, also=also)
        os.kill(os.getpid(), signal.SIGKILL)
        return True


@dataclass(slots=True)
class Silent:
    """A sink of events that no client hears."""

    modes: tuple[str, ...] = ()
    result: Mapping[str, Any] | None = None

    def say(self, event: str, data: Any) -> None:
        """See ``EventSink``."""

    async def kept(self) -> None:
        """See ``EventSink``."""


async def main(folder: Path, url: str, given: str) -> None:
    """Perform a turn that waits for a signature, with a web hook at ``url``; no maintenance loop sends anything."""
    made = settings(folder, **json.loads(given))
    async with open_application(made) as opened:
        application = idle_house(opened, folder / "deliveries", asyncio.Event())
        database = application.engine.runs.engine
        threads, turns = Threads(engine=database), MortalTurns(engine=database)

        context = cast("ServerContext", SimpleNamespace(application=application, threads=threads, turns=turns))
        turn = await asked(context, "sign it", webhook=url)
        executor = TurnExecutor(engine=application.engine, threads=threads, turns=turns, clock=now)
        await executor.perform(turn, Silent())


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), *sys.argv[2:]))
