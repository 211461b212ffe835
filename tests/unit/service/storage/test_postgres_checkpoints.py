"""Checkpoints on PostgreSQL: one statement under a lease, and steps that go on before theirs is kept."""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from langgraph.checkpoint.base import INTERRUPT, empty_checkpoint
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

from database import now, open_engine
from domain import Refused, Task
from graphs import serializer
from models import UsageMeter
from service.runs.fenced_backend import StepEffects
from service.runs.runs import GENERATION, Run, RunLeases, Runs
from service.storage.postgres_checkpoints import FencedPostgres, open_postgres
from tests.worlds import postgres

pytestmark = [pytest.mark.postgres, pytest.mark.slow]
RUN = "run-1"


@pytest.fixture(scope="module")
def cluster() -> Generator[Path]:
    with postgres.cluster() as folder:
        yield folder


@dataclass(frozen=True, slots=True)
class Kept:
    """A saver, the rows of runs beside it, and LangGraph's own saver on the same tables."""

    saver: FencedPostgres
    runs: Runs
    url: str

    @asynccontextmanager
    async def row_locked(self) -> AsyncGenerator[None]:
        """Inside, nothing is written for the run: another transaction holds its row."""
        async with await psycopg.AsyncConnection.connect(self.url) as other:
            await other.execute("SELECT 1 FROM runs WHERE id = %s FOR UPDATE", (RUN,))
            yield

    async def theirs(self, config: Any) -> Any:
        async with AsyncPostgresSaver.from_conn_string(self.url, serde=serializer()) as plain:
            return await plain.aget_tuple(config)

    async def claimed(self) -> int:
        return await self.runs.claim(RUN, "me", now=now(), lease_for=timedelta(seconds=30))


@pytest.fixture
async def kept(cluster: Path) -> AsyncGenerator[Kept]:
    url = await postgres.emptied(cluster, "checkpoints")
    engine = open_engine(postgres.url(cluster, "checkpoints"))
    runs, at = Runs(engine=engine), now()
    task = Task(text="do it", repo="/nowhere", requester="ann")
    await runs.add(Run(id=RUN, org="local", requester="ann", status="pending", task=task, created_at=at, updated_at=at))
    async with open_postgres(url) as saver:
        saver.serde = serializer()
        yield Kept(saver, runs, url)
    await engine.dispose()


def under(generation: int | None, checkpoint_id: str | None = None, space: str = "") -> Any:
    named: dict[str, Any] = {"thread_id": RUN, "checkpoint_ns": space}
    named |= {GENERATION: generation} if generation is not None else {}
    return {"configurable": named | ({"checkpoint_id": checkpoint_id} if checkpoint_id else {})}


def step(number: int, *upcoming: str) -> Any:
    """A checkpoint with a value that JSON has no word for, and one that stands in it."""
    values = {"number": number, "list": [number], **{f"branch:to:{name}": None for name in upcoming}}
    return {
        **empty_checkpoint(),
        "id": f"{number:04}",
        "channel_values": values,
        "channel_versions": dict.fromkeys(values, f"{number:032}.1"),
    }


async def put(kept: Kept, generation: int | None, number: int, *upcoming: str) -> None:
    checkpoint = step(number, *upcoming)
    parent = f"{number - 1:04}" if number else None
    await kept.saver.aput(under(generation, parent), checkpoint, {"step": number}, checkpoint["channel_versions"])


def effects() -> StepEffects:
    return StepEffects(RUN, RunLeases(), UsageMeter())


async def is_over(task: "asyncio.Task[Any]") -> bool:
    await asyncio.wait([task], timeout=0.3)
    return task.done()


async def test_langgraphs_own_saver_reads_what_was_written(kept: Kept) -> None:
    generation = await kept.claimed()
    await put(kept, generation, 0)
    at = under(generation, "0000")
    await kept.saver.aput_writes(at, [("list", ["a"]), ("list", ["b"])], "task-1", "~__pregel_pull, plan")
    await kept.saver.aput_writes(at, [("list", ["later"])], "task-1", "~__pregel_pull, plan")
    await kept.saver.aput_writes(at, [(INTERRUPT, "first")], "task-2")
    await kept.saver.aput_writes(at, [(INTERRUPT, "second")], "task-2")
    theirs, ours = await kept.theirs(under(None)), await kept.saver.aget_tuple(under(generation))
    assert ours == theirs
    assert theirs.checkpoint["channel_values"] == {"number": 0, "list": [0]}
    assert sorted(theirs.pending_writes) == [
        ("task-1", "list", ["a"]),
        ("task-1", "list", ["b"]),
        ("task-2", INTERRUPT, "second"),
    ]


async def test_who_lost_the_lease_writes_nothing_at_all(kept: Kept) -> None:
    mine, theirs = await kept.claimed(), await kept.claimed()
    with pytest.raises(Refused) as refused:
        await put(kept, mine, 0)
    assert refused.value.stable_code == "lease_lost"
    assert await kept.theirs(under(None)) is None
    await put(kept, theirs, 1)
    await put(kept, None, 2)  # outside of any lease: a person forks or takes back
    assert (await kept.theirs(under(None))).checkpoint["id"] == "0002"


async def test_a_step_without_effects_lets_the_next_one_begin(kept: Kept) -> None:
    generation = await kept.claimed()
    async with kept.saver.overlapping(effects(), generation, fresh=True), kept.row_locked():
        for number in range(3):
            await put(kept, generation, number, "observe")
        assert await kept.theirs(under(None)) is None
    found = await kept.theirs(under(None))
    assert (found.checkpoint["id"], found.parent_config["configurable"]["checkpoint_id"]) == ("0002", "0001")


@pytest.mark.parametrize("upcoming", ["ask", "wait", "deliver"])
async def test_nobody_is_asked_and_nothing_delivered_before_all_is_kept(kept: Kept, upcoming: str) -> None:
    generation = await kept.claimed()
    async with kept.saver.overlapping(effects(), generation, fresh=True):
        async with kept.row_locked():
            await put(kept, generation, 0, "observe")
            step_before = asyncio.create_task(put(kept, generation, 1, upcoming))
            assert not await is_over(step_before)
        await step_before
        assert (await kept.theirs(under(None))).checkpoint["id"] == "0001"


@pytest.mark.parametrize("effect", ["model", "sandbox", "ask", "interrupt"])
async def test_a_step_with_effects_is_kept_before_the_next_one_begins(kept: Kept, effect: str) -> None:
    generation, did = await kept.claimed(), effects()
    async with kept.saver.overlapping(did, generation, fresh=True):
        await put(kept, generation, 0, "execute")
        if effect == "model":
            did.meter.usage = did.meter.usage.__class__(calls=1)
        if effect == "sandbox":
            did.leases.keep(RUN, 60, since=did.leases.clock())
            did.leases.ensure(RUN)
        path = "~__pregel_pull, ask" if effect == "ask" else "~__pregel_pull, execute"
        writes: list[tuple[str, Any]] = [(INTERRUPT, "?")] if effect == "interrupt" else [("list", [1])]
        async with kept.row_locked():
            writing = asyncio.create_task(kept.saver.aput_writes(under(generation, "0000"), writes, "task", path))
            after = asyncio.create_task(put(kept, generation, 1, "observe"))
            assert not await is_over(after)
            assert not writing.done()
        await asyncio.gather(writing, after)
        async with kept.row_locked():  # it was taken: the next step has none
            await put(kept, generation, 2, "observe")


async def test_nothing_is_written_behind_a_hole(kept: Kept) -> None:
    mine = await kept.claimed()

    async def stretch() -> None:
        async with kept.saver.overlapping(effects(), mine, fresh=True):
            await kept.claimed()
            await put(kept, mine, 0, "observe")
            await kept.saver._settled(RUN)
            await put(kept, mine, 1, "observe")

    with pytest.raises(Refused, match="taken over"):
        await stretch()
    assert await kept.theirs(under(None)) is None
    await put(kept, await kept.claimed(), 2)


async def test_a_stretch_that_is_cancelled_leaves_nothing_to_be_written_later(kept: Kept) -> None:
    generation, begun = await kept.claimed(), asyncio.Event()

    async def stretch() -> None:
        async with kept.saver.overlapping(effects(), generation, fresh=True):
            await put(kept, generation, 0, "observe")
            begun.set()
            await asyncio.Event().wait()

    async with kept.row_locked():
        working = asyncio.create_task(stretch())
        await begun.wait()
        working.cancel()
        assert not await is_over(working)
    with pytest.raises(asyncio.CancelledError):
        await working
    assert (await kept.theirs(under(None))).checkpoint["id"] == "0000"
    assert not kept.saver.waiting
    assert not kept.saver.keeping


async def test_a_stretch_that_is_cancelled_twice_is_forgotten_and_kept_all_the_same(kept: Kept) -> None:
    generation, begun = await kept.claimed(), asyncio.Event()

    async def stretch() -> None:
        async with kept.saver.overlapping(effects(), generation, fresh=True):
            await put(kept, generation, 0, "observe")
            begun.set()
            await asyncio.Event().wait()

    working = asyncio.create_task(stretch())
    async with kept.row_locked():
        await begun.wait()
        working.cancel()
        assert not await is_over(working)
        working.cancel()
        assert await is_over(working)
    assert not kept.saver.overlaps
    await kept.saver._settled(RUN)
    assert (await kept.theirs(under(None))).checkpoint["id"] == "0000"


async def test_a_reader_sees_what_waits_and_a_fresh_run_is_not_looked_for(kept: Kept) -> None:
    generation = await kept.claimed()
    async with kept.saver.overlapping(effects(), generation, fresh=True):
        assert await kept.saver.aget_tuple(under(generation)) is None
        await put(kept, generation, 0, "observe")
        found = await kept.saver.aget_tuple(under(generation))
        assert found is not None
        assert found.checkpoint["id"] == "0000"
        assert [each.checkpoint["id"] async for each in kept.saver.alist(under(None))] == ["0000"]


async def test_who_is_cancelled_takes_nothing_from_others_who_wait(kept: Kept) -> None:
    generation = await kept.claimed()
    async with kept.row_locked():
        both = [asyncio.create_task(put(kept, generation, number)) for number in range(2)]
        assert not await is_over(both[1])
        both[0].cancel()
    await both[1]
    assert (await kept.theirs(under(None))).checkpoint["id"] == "0001"


async def test_what_was_read_under_a_lease_is_not_read_again_until_it_is_written(kept: Kept) -> None:
    generation = await kept.claimed()
    await put(kept, generation, 0, "observe")
    async with kept.saver.overlapping(effects(), generation, fresh=False):
        first = await kept.saver.aget_tuple(under(generation))
        assert first is not None
        first.checkpoint["channel_versions"]["number"] = "changed"
        async with await psycopg.AsyncConnection.connect(kept.url) as other:
            await other.execute("LOCK TABLE checkpoints IN ACCESS EXCLUSIVE MODE")
            again = await asyncio.wait_for(kept.saver.aget_tuple(under(generation)), 5)
        assert again is not None
        assert again.checkpoint["channel_versions"] == step(0, "observe")["channel_versions"]
        assert again.pending_writes == first.pending_writes
        await kept.saver.aget_tuple(under(generation))
        await put(kept, generation, 1, "observe")
        newest = await kept.saver.aget_tuple(under(generation))
        assert newest is not None
        assert newest.checkpoint["id"] == "0001"
        # Whoever writes outside of the lease is seen, too.
        await kept.saver.aput_writes(under(None, "0001"), [("list", ["answer"])], "task-9")
        assert [write[1:] for write in (await kept.saver.aget_tuple(under(generation))).pending_writes] == [  # type: ignore[union-attr]
            ("list", ["answer"])
        ]
    assert not kept.saver.overlaps


async def test_the_checkpoint_that_a_run_stands_at(kept: Kept) -> None:
    generation = await kept.claimed()
    assert await kept.saver.newest(RUN) == ""
    async with kept.saver.overlapping(effects(), generation, fresh=True):
        await put(kept, generation, 0, "observe")
        await put(kept, generation, 1, "observe")
        assert await kept.saver.newest(RUN) == "0001"
