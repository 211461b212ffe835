"""Checkpoints in a SQLite file: kept before anybody goes on, together where they come together, under a lease."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.base import empty_checkpoint
from sqlalchemy import text

from database import open_engine, sqlite_url, writing
from domain import Refused
from graphs import serializer
from service.runs.runs import GENERATION
from service.storage.schema import make_tables
from service.storage.sqlite_checkpoints import FencedSqlite, open_sqlite_saver

_ROW = text(
    "INSERT INTO runs (id, org, requester, status, task, segment, generation, created_at, updated_at)"
    " VALUES (:run, 'o', 'ann', 'running', '', 1, 1, '2026-01-01', '2026-01-01')"
)


@pytest.fixture
async def saver(tmp_path: Path) -> AsyncGenerator[FencedSqlite]:
    engine = open_engine(sqlite_url(tmp_path / "rows.db"))
    await make_tables(engine)
    async with writing(engine) as conn:
        for run in ("a", "b"):
            await conn.execute(_ROW, {"run": run})
    async with open_sqlite_saver(tmp_path / "checkpoints.db", engine) as opened:
        opened.serde = serializer()
        await opened.setup()
        yield opened
    await engine.dispose()


def config(run: str, generation: int | None = 1) -> Any:
    lease = {} if generation is None else {GENERATION: generation}
    return {"configurable": {"thread_id": run, "checkpoint_ns": "", **lease}}


async def test_what_comes_together_is_kept_in_one_transaction(saver: FencedSqlite) -> None:
    before = saver.conn.connection.log.commits
    first, second = empty_checkpoint(), empty_checkpoint()
    at_a, at_b = await asyncio.gather(saver.aput(config("a"), first, {}, {}), saver.aput(config("b"), second, {}, {}))
    assert saver.conn.connection.log.commits == before + 1
    for at, kept in ((at_a, first), (at_b, second)):
        found = await saver.aget_tuple(at)
        assert found is not None
        assert found.checkpoint["id"] == kept["id"]


async def test_a_lost_lease_fails_alone_and_writes_nothing(saver: FencedSqlite) -> None:
    mine, theirs = await asyncio.gather(
        saver.aput(config("a"), empty_checkpoint(), {}, {}),
        saver.aput(config("b", 7), empty_checkpoint(), {}, {}),
        return_exceptions=True,
    )
    assert isinstance(mine, dict)
    assert isinstance(theirs, Refused)
    assert theirs.stable_code == "lease_lost"
    assert await saver.aget_tuple(config("a")) is not None
    assert await saver.aget_tuple(config("b")) is None


async def test_writes_of_a_task_come_back_with_their_checkpoint(saver: FencedSqlite) -> None:
    at: Any = await saver.aput(config("a"), empty_checkpoint(), {}, {})
    under: Any = {"configurable": {**at["configurable"], GENERATION: 1}}
    await saver.aput_writes(under, [("plan", "first"), ("done", "1")], "task-1")
    await saver.aput_writes(under, [("plan", "second")], "task-1")  # what a task came to stays as it was first
    found = await saver.aget_tuple(at)
    assert found is not None
    assert found.pending_writes == [("task-1", "plan", "first"), ("task-1", "done", "1")]


async def test_whoever_gives_up_waiting_is_not_written_for(saver: FencedSqlite) -> None:
    async with saver.turnstile:
        waiting = asyncio.create_task(saver.aput(config("a"), empty_checkpoint(), {}, {}))
        for _ in range(5):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await saver.aput(config("b"), empty_checkpoint(), {}, {})
    assert await saver.aget_tuple(config("a")) is None
