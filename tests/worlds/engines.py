"""A house on either engine that can be opened again and again on the same database."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from pydantic import SecretStr

from database import now
from domain import Task
from service.queue.distributed import DistributedDispatcher
from service.queue.embedded import EmbeddedDispatcher
from service.runs.dispatcher import Dispatcher
from service.runs.threads import Thread
from service.runs.turns import Turn
from service.wiring.application import open_application
from service.wiring.server import ServerContext, open_server_context
from tests.worlds import postgres
from tests.worlds.house import settings
from tests.worlds.quick import idle_house

LEASE_S = 3.0
LOSE_ENDS = (
    "CREATE SEQUENCE lost_ends",  # what it counts outlives the transaction that is rolled back
    (
        "CREATE FUNCTION lose_ends() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN PERFORM nextval('lost_ends'); RAISE EXCEPTION 'the database goes away'; END $$"
    ),
    (
        "CREATE TRIGGER lose_ends BEFORE DELETE OR UPDATE ON procrastinate_jobs FOR EACH ROW "
        "WHEN (OLD.status = 'doing') EXECUTE FUNCTION lose_ends()"
    ),
)
KEEP_ENDS = ("DROP TRIGGER lose_ends ON procrastinate_jobs", "DROP FUNCTION lose_ends", "DROP SEQUENCE lost_ends")


@dataclass(frozen=True, slots=True)
class World:
    """Where runs are performed: ``socket`` None is SQLite."""

    folder: Path
    server: str
    socket: Path | None
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def context(self, **given: Any) -> AsyncGenerator[ServerContext]:
        """A process, as far as the database can tell."""
        made = settings(self.folder, database_url=SecretStr(self.server), lease_s=LEASE_S, drain_s=2.0, **given)
        async with (
            open_application(made) as application,
            open_server_context(idle_house(application, self.book, self.gate)) as context,
        ):
            yield context

    @property
    def idle(self) -> int:
        """The fewest turns at once that a process of this engine may perform."""
        return 1 if self.socket is None else 0

    @property
    def book(self) -> Path:
        return self.folder / "deliveries"

    @property
    def deliveries(self) -> list[str]:
        return self.book.read_text().split() if self.book.exists() else []

    def forget_job(self, *, doing: bool) -> None:
        """Make it look as if the worker of every job had died, or the job had never been put in."""
        if self.socket is None:
            return
        if not doing:
            postgres.sql(self.socket, "DELETE FROM procrastinate_jobs WHERE status IN ('todo', 'doing')", "engines")
            return
        dead = "INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now() - interval '1 hour') RETURNING id"
        postgres.sql(self.socket, dead, "engines")
        change = "UPDATE procrastinate_jobs SET status = 'doing', worker_id = "
        newest = "(SELECT max(id) FROM procrastinate_workers) WHERE status = 'todo'"
        postgres.sql(self.socket, change + newest, "engines")

    @asynccontextmanager
    async def ends_lost(self) -> AsyncGenerator[None]:
        """Inside, the queue cannot write how a job ended; comes back when that has happened at least once."""
        await self._say(*LOSE_ENDS)
        try:
            yield
            async with asyncio.timeout(20):
                while await self._say("SELECT is_called FROM lost_ends") != ["t\n"]:  # noqa: ASYNC110  another process
                    await asyncio.sleep(0.05)
        finally:
            await self._say(*KEEP_ENDS)

    async def _say(self, *statements: str) -> list[str]:
        """In a thread: this process has transactions of its own, which have to go on meanwhile."""
        assert self.socket is not None
        return [await asyncio.to_thread(postgres.sql, self.socket, each, "engines") for each in statements]


async def asked(context: ServerContext, text: str, *, thread: str | None = None, webhook: str | None = None) -> Turn:
    """The row of a turn on a thread, as the reception writes it; nobody performs it yet."""
    fresh, thread = thread is None, thread or str(uuid4())
    at = now()
    if fresh:
        task = Task(text=text, repo="/nowhere", accept="true", requester="ann")
        await context.threads.add(Thread(id=thread, org="local", created_at=at, updated_at=at))
        await context.application.engine.create(task, id=thread)
    turn = Turn(
        id=str(uuid4()),
        thread=thread,
        org="local",
        assistant="coding",
        created_at=at,
        updated_at=at,
        webhook=webhook,
        asked={"modes": ["custom"], "by": "ann", **({"fresh": True} if fresh else {})},
    )
    return await context.turns.add(turn)


async def ended(context: ServerContext, turn: Turn, *, within_s: float = 30) -> Turn:
    """The turn once it is over."""
    async with asyncio.timeout(within_s):
        await context.dispatch.done(turn)
        while (found := await context.turns.get(turn.id, "local")).open:  # noqa: ASYNC110  another process
            await asyncio.sleep(0.02)
    return found


async def stands_before(context: ServerContext, thread: str, node: str) -> None:
    """Come back when the run stands before a node."""
    engine = context.application.engine
    async with asyncio.timeout(20):
        while (await engine.graph.aget_state(engine.config(thread))).next != (node,):  # noqa: ASYNC110  another process
            await asyncio.sleep(0.02)


def later(dispatch: Dispatcher, seconds: float) -> None:
    """From now on it believes that so much time has passed."""
    assert isinstance(dispatch, EmbeddedDispatcher | DistributedDispatcher)
    dispatch.clock = lambda: now() + timedelta(seconds=seconds)
