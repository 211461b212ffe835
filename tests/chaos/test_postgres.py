"""Servers and workers on PostgreSQL are killed, and PostgreSQL itself, while runs advance."""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from database import DatabaseUnavailable, open_engine, reading
from service.queue.distributed import LEASES
from tests.chaos.asking import quick_task, started
from tests.chaos.life import Life
from tests.chaos.nursery import Child, Nursery
from tests.chaos.storm import storm
from tests.worlds import postgres
from tests.worlds.engines import LEASE_S, World, asked, ended, later

pytestmark = [pytest.mark.postgres, pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_short_storm_over_a_server_and_a_worker(born: Nursery, tmp_path: Path, cluster: Path) -> None:
    server = await postgres.emptied(cluster, "storm")
    life = Life(born, tmp_path, {"server": server, "lease_s": 1.0, "workers": 0}, helping={"workers": 4})
    await life.start()
    tally = await storm(life, kills=8, seed=7, progress=2)
    assert len(tally.threads) > 5
    assert tally.sound, tally


async def test_the_database_is_killed(born: Nursery, tmp_path: Path, cluster: Path) -> None:
    dice, threads = random.Random(7), list[str]()
    life = Life(born, tmp_path, {"server": await postgres.emptied(cluster, "killed"), "lease_s": 1.0})
    await life.start()
    for _ in range(3):
        threads += [await started(life.child, quick_task("sign it")) for _ in range(4)]
        await asyncio.sleep(dice.uniform(0, 0.3))
        await asyncio.to_thread(postgres.crash, cluster)
        await _ready(life.child)
    assert life.child.alive
    assert await life.settled(threads) == {"success": len(threads)}
    assert life.deliveries == dict.fromkeys(threads, 1)
    assert life.deaths == 0, "the server outlives its database"


async def test_a_thread_goes_on_when_nobody_could_write_how_its_last_job_ended(tmp_path: Path, cluster: Path) -> None:
    """The database went away at that moment; the worker that did the job lives, so the queue waits for it."""
    world = World(tmp_path, await postgres.emptied(cluster, "engines"), cluster)
    async with world.context() as context:
        async with world.ends_lost():
            first = await asked(context, "do it")
            await context.dispatch.submit(first)
            assert (await ended(context, first)).status == "success"
        second = await asked(context, "", thread=first.thread)
        await context.dispatch.submit(second)
        later(context.dispatch, LEASES * LEASE_S)
        await context.dispatch.look()
        assert (await ended(context, second)).attempts == 1
        assert (await context.turns.get(first.id, "local")).attempts == 1


async def test_a_server_that_says_nothing_any_more_is_given_up(cluster: Path) -> None:
    """Its machine vanished: nothing comes back, and nothing says that the connection is dead."""
    async with mute(cluster) as line:
        engine = open_engine(f"postgresql+psycopg://postgres@127.0.0.1:{line.port}/postgres")
        async with reading(engine) as conn:
            await conn.execute(text("SELECT 1"))
        line.dead.set()
        with pytest.raises(DatabaseUnavailable):
            async with reading(engine, within_s=0.5) as conn:
                await conn.execute(text("SELECT 1"))
        await engine.dispose(close=False)


@dataclass
class Line:
    """A way to the server, on which nothing passes once it is dead."""

    port: int
    dead: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def mute(cluster: Path) -> AsyncGenerator[Line]:
    line = Line(0)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (some := await reader.read(65_536)) and not line.dead.is_set():
            writer.write(some)

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not line.dead.is_set():
            there, back = await asyncio.open_unix_connection(f"{cluster}/.s.PGSQL.5432")
            both = [asyncio.create_task(pass_on(reader, back)), asyncio.create_task(pass_on(there, writer))]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            await line.dead.wait()
            back.close()
        writer.close()

    async with await asyncio.start_server(connect, "127.0.0.1", 0) as server:
        line.port = server.sockets[0].getsockname()[1]
        yield line


async def _ready(child: Child) -> None:
    async with child.http() as http, asyncio.timeout(30):
        while not (await http.get("/readyz")).is_success:  # noqa: ASYNC110  another process
            await asyncio.sleep(0.05)
