"""Runs that are stopped, undone, and that meet each other on one thread."""

import asyncio

import pytest
from langgraph_sdk.errors import ConflictError

from tests.worlds.served import Served

TASK = {"task": {"text": "do it", "repo": "/nowhere", "accept": "true"}}
SLOW = {"task": {"text": "slow", "repo": "/nowhere", "accept": "true"}}


async def test_cancel_keeps_what_was_done_and_the_next_run_goes_on(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread, "coding", input=SLOW)
    await _reaches(service, thread, "execute")
    await client.runs.cancel(thread, run["run_id"], wait=True)
    stopped = await client.runs.get(thread, run["run_id"])
    assert (stopped["status"], stopped["cancel_reason"]) == ("interrupted", "user")
    assert (await client.threads.get(thread))["status"] == "idle"
    service.gate.set()
    assert (await client.runs.wait(thread, "coding", input=None))["ending"]["status"] == "delivered"


async def test_rollback_forgets_the_run_and_what_it_did(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    run = await client.runs.create(thread, "coding", input=SLOW)
    await _reaches(service, thread, "execute")
    await client.runs.cancel(thread, run["run_id"], wait=True, action="rollback")
    assert await client.runs.list(thread) == []
    assert (await client.threads.get_state(thread))["values"] == {}
    service.gate.set()
    values = await client.runs.wait(thread, "coding", input=TASK)
    assert values["task"]["text"] == "do it"
    assert values["ending"]["status"] == "delivered"


async def test_multitask_reject_enqueue_interrupt(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    first = await client.runs.create(thread, "coding", input=SLOW)
    await _reaches(service, thread, "execute")
    with pytest.raises(ConflictError) as caught:
        await client.runs.create(thread, "coding", input=None, multitask_strategy="reject")
    assert caught.value.code == "thread_busy"
    second = await client.runs.create(thread, "coding", input=None, multitask_strategy="enqueue")
    assert second["status"] == "pending"
    third = await client.runs.create(thread, "coding", input=None, multitask_strategy="interrupt")
    statuses = {r["run_id"]: r["status"] for r in await client.runs.list(thread)}
    assert (statuses[first["run_id"]], statuses[second["run_id"]]) == ("interrupted", "interrupted")
    service.gate.set()
    assert (await client.runs.join(thread, third["run_id"]))["ending"]["status"] == "delivered"
    assert service.deliveries == [thread]


async def _reaches(service: Served, thread: str, node: str) -> None:
    engine = service.context.application.engine
    async with asyncio.timeout(10):
        while (await engine.graph.aget_state(engine.config(thread))).next != (node,):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
