"""Which engine a house runs on, and what that needs."""

import fcntl
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, cast

from langgraph.checkpoint.base import BaseCheckpointSaver

from service.contract import Dispatch
from service.dispatch import Embedded
from service.performer import Performer
from service.refusals import refuse
from service.retention import Retention
from service.turn_events import TurnEvents
from service.wiring import House, now


async def engine_of(house: House, performer: Performer, stack: AsyncExitStack) -> Dispatch:
    """Who performs turns: this process alone, or whoever takes a job from the queue."""
    settings = house.settings
    if house.server is None:
        if not settings.workers:
            raise refuse("server_needed", "With SIGNOFF_WORKERS=0 nobody would perform runs: workers need a server.")
        events = TurnEvents(engine=performer.turns.engine)
        return Embedded(performer=performer, events=events, at_once=settings.workers, drain_s=settings.drain_s)
    from service.distributed import open_distributed  # noqa: PLC0415  its drivers are an extra

    return await stack.enter_async_context(open_distributed(
        house.server, performer, at_once=settings.workers, lease_s=settings.lease_s, drain_s=settings.drain_s,
    ))  # fmt: skip


def retention_of(house: House) -> Retention:
    """Who clears away what is not kept."""
    saver = house.engine.graph.checkpointer
    return Retention(
        engine=house.engine.runs.engine, files=house.store, keep=timedelta(days=house.settings.keep_days), clock=now,
        checkpoints=cast("BaseCheckpointSaver[str]", saver) if isinstance(saver, BaseCheckpointSaver) else None,
    )  # fmt: skip


@contextmanager
def alone_in(home: Path) -> Generator[None]:
    """Hold the folder's lock. Raises ``already_serving`` when another server of this machine has it."""
    file: IO[str] = (home / "serve.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise refuse("already_serving", "Another server works on this home folder.") from None
    try:
        yield
    finally:
        file.close()
