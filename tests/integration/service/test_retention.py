"""What was deleted long ago is gone for good: rows, checkpoints, files. What was not, stays."""

from datetime import timedelta

import pytest
from langgraph_sdk.errors import NotFoundError
from sqlalchemy import func, select

from database import now, reading
from service.runs.runs import RUNS
from service.runs.turns import TURNS
from tests.worlds.served import Served

TASK = {"task": {"text": "do it", "repo": "/nowhere", "accept": "true"}}


async def test_deleted_threads_go_after_a_while(service: Served) -> None:
    client, context = service.sdk(), service.context
    threads = [(await client.threads.create())["thread_id"] for _ in range(3)]
    for thread in threads:
        await client.runs.wait(thread, "coding", input=TASK)
    old, fresh, kept = threads
    for thread in (old, fresh):
        await client.threads.delete(thread)
    await context.threads.update(old, now=now(), deleted_at=now() - timedelta(days=31))
    assert await context.maintenance.retention.sweep() == 1
    async with reading(context.database) as conn:
        left = {str(row[0]) for row in await conn.execute(select(RUNS.c.id))}
        assert (await conn.execute(select(func.count()).where(TURNS.c.thread == old))).scalar() == 0
    assert left == {fresh, kept}
    engine = context.application.engine
    assert not (await engine.graph.aget_state(engine.config(old))).values
    assert (await engine.graph.aget_state(engine.config(kept))).values
    with pytest.raises(NotFoundError):
        await client.threads.get(fresh)
