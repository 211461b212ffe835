"""A server that also works begins what it takes in at once: the job is its worker's in the transaction of its turn."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from database import now, writing
from domain import Task
from service.queue.distributed import DistributedDispatcher
from service.runs.threads import Thread
from service.runs.turns import COLUMNS, TURNS, Turn
from service.wiring.server import ServerContext
from tests.worlds import postgres
from tests.worlds.engines import World, ended

pytestmark = [pytest.mark.postgres, pytest.mark.slow]


@pytest.fixture(scope="module")
def cluster() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@pytest.fixture
async def world(cluster: Path, tmp_path: Path) -> World:
    return World(tmp_path, await postgres.emptied(cluster, "engines"), cluster)


def jobs(world: World) -> list[str]:
    assert world.socket is not None
    return postgres.sql(world.socket, "SELECT status FROM procrastinate_jobs ORDER BY id", "engines").split()


async def working(context: ServerContext) -> DistributedDispatcher:
    """Its dispatcher, once its worker takes jobs."""
    dispatch = context.dispatch
    assert isinstance(dispatch, DistributedDispatcher)
    async with asyncio.timeout(30):
        while not (worker := dispatch.queue._worker) or not worker._takes:  # noqa: ASYNC110  procrastinate tells nobody
            await asyncio.sleep(0.01)
    return dispatch


async def written(context: ServerContext, text: str, *, thread: str | None = None, breaks: bool = False) -> Turn:
    """A turn and its job in one transaction, as a submission writes them."""
    id_, at = thread or str(uuid4()), now()
    turn = Turn(
        id=str(uuid4()),
        thread=id_,
        org="local",
        assistant="coding",
        created_at=at,
        updated_at=at,
        asked={"fresh": True},
    )
    task = Task(text=text, repo="/nowhere", accept="true", requester="ann")
    run = context.application.engine.new(task, id=id_)
    async with writing(context.database) as conn:
        if thread is None:
            await context.threads.write(Thread(id=id_, org="local", created_at=at, updated_at=at), conn)
            await context.application.engine.runs.add(run, conn=conn)
        await conn.execute(TURNS.insert(), {name: getattr(turn, name) for name in COLUMNS})
        await context.dispatch.enqueue(conn, turn)
        if breaks:
            raise ZeroDivisionError
    return turn


@asynccontextmanager
async def told(world: World) -> AsyncGenerator[asyncio.Task[str]]:
    """What workers are told of jobs from now on."""
    async with await psycopg.AsyncConnection.connect(world.server, autocommit=True) as conn:
        await conn.execute('LISTEN "procrastinate_queue_v1#turns"')

        async def first() -> str:
            return (await anext(conn.notifies())).payload

        task = asyncio.create_task(first())
        yield task
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_is_begun_at_once_and_nobody_is_told(world: World) -> None:
    async with world.context(workers=1) as context, told(world) as word:
        await working(context)
        turn = await written(context, "do it")
        assert jobs(world) == ["doing"]
        await context.dispatch.submit(turn, enqueued=True)
        assert (await ended(context, turn)).status == "success"
        async with asyncio.timeout(10):
            while jobs(world):  # noqa: ASYNC110  another process
                await asyncio.sleep(0.01)
        assert not word.done()
    assert world.deliveries == [turn.thread]


async def test_one_that_has_no_free_slot_waits_for_any_worker(world: World) -> None:
    async with world.context(workers=1) as context, told(world) as word:
        await working(context)
        first = await written(context, "slow")
        await context.dispatch.submit(first, enqueued=True)
        second = await written(context, "do it")
        assert jobs(world) == ["doing", "todo"]
        assert "job_inserted" in await asyncio.wait_for(word, 10)
        await context.dispatch.submit(second, enqueued=True)
        world.gate.set()
        for turn in (first, second):
            assert (await ended(context, turn)).attempts == 1


async def test_what_waits_behind_a_job_of_its_thread_is_told_of_when_that_ends(world: World) -> None:
    async with world.context(workers=2) as context:
        await working(context)
        first = await written(context, "slow")
        await context.dispatch.submit(first, enqueued=True)
        second = await written(context, "", thread=first.thread)
        assert jobs(world) == ["doing", "todo"]
        async with told(world) as word:
            world.gate.set()
            assert "job_inserted" in await asyncio.wait_for(word, 20)
        for turn in (first, second):
            assert (await ended(context, turn)).status == "success"


async def test_a_transaction_that_breaks_leaves_nothing_and_its_slot_is_free(world: World) -> None:
    async with world.context(workers=1) as context:
        dispatch = await working(context)
        with pytest.raises(ZeroDivisionError):
            await written(context, "do it", breaks=True)
        (id_,) = dispatch._reserved
        at = now()
        broken = Turn(id=id_, thread="t", org="local", assistant="coding", created_at=at, updated_at=at)
        await dispatch.withdraw(broken)
        assert jobs(world) == []
        turn = await written(context, "do it")
        assert jobs(world) == ["doing"]
        await dispatch.submit(turn, enqueued=True)
        assert (await ended(context, turn)).status == "success"


async def test_one_of_which_nobody_knows_whether_it_was_committed_is_done_all_the_same(world: World) -> None:
    async with world.context(workers=1) as context:
        await working(context)
        turn = await written(context, "do it")
        await context.dispatch.withdraw(turn)
        assert (await ended(context, turn)).attempts == 1
    assert world.deliveries == [turn.thread]


async def test_a_worker_that_stops_meanwhile_leaves_it_to_others(world: World) -> None:
    async with world.context(workers=1) as context:
        await working(context)
        turn = await written(context, "do it")
        context.dispatch.drain()
        async with asyncio.timeout(10):
            while not context.dispatch._reserved[turn.id].worker.stops:  # type: ignore[attr-defined]  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await context.dispatch.submit(turn, enqueued=True)
        assert jobs(world) == ["todo"]
    async with world.context(workers=1) as context:
        assert (await ended(context, turn)).attempts == 1
