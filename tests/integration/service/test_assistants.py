"""Assistants that clients make, and crons, through LangGraph's own SDK."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

import httpx
import pytest
from langgraph_sdk.errors import APIStatusError, ConflictError, NotFoundError, UnprocessableEntityError

from service.storage.crons import Cron
from tests.integration.service.test_runs import SIGN, TASK
from tests.worlds.served import Served

SHOP: dict[str, Any] = {"configurable": {"repo": "/shop", "accept": "true", "deliver": "patch"}}
WORDS = {"messages": [{"role": "user", "content": "do it"}]}


async def test_an_assistant_is_a_repository_with_its_settings(service: Served) -> None:
    client = service.sdk()
    made = await client.assistants.create("coding", config=SHOP, name="shop", metadata={"team": "a"}, description="x")
    assert (made["version"], made["graph_id"], made["metadata"]["team"]) == (1, "coding", "a")
    values = await client.runs.wait(None, made["assistant_id"], input=WORDS)
    task = values["task"]
    assert (task["repo"], task["accept"], task["deliver"], task["profile"]) == ("/shop", "true", "patch", "sealed")
    near = await client.runs.wait(None, made["assistant_id"], input={**WORDS, "repo": "/near"}, context={"base": "v1"})
    assert (near["task"]["repo"], near["task"]["base"], near["task"]["accept"]) == ("/near", "v1", "true")
    found = await client.threads.search(metadata={"assistant_id": made["assistant_id"]})
    assert len(found) == 2
    for read in (client.assistants.get, client.assistants.get_graph, client.assistants.get_schemas):
        assert await read(made["assistant_id"])


async def test_versions(service: Served) -> None:
    client = service.sdk()
    id_ = (await client.assistants.create("coding", config=SHOP, name="shop", metadata={"a": 1}))["assistant_id"]
    other = {"configurable": {"repo": "/other", "accept": "true"}}
    second = await client.assistants.update(id_, config=other, metadata={"b": 2}, name="other")
    assert (second["version"], second["metadata"].items() >= {"a": 1, "b": 2}.items()) == (2, True)
    assert [each["version"] for each in await client.assistants.get_versions(id_)] == [2, 1]
    assert [each["version"] for each in await client.assistants.get_versions(id_, metadata={"b": 2})] == [2]
    assert (await client.runs.wait(None, id_, input=WORDS))["task"]["repo"] == "/other"
    first = await client.assistants.set_latest(id_, 1)
    assert (first["version"], first["name"], first["config"]) == (1, "shop", SHOP)
    assert (await client.runs.wait(None, id_, input=WORDS))["task"]["repo"] == "/shop"
    third = await client.assistants.update(id_, description="y")
    assert (third["version"], third["config"]) == (3, SHOP)
    with pytest.raises(NotFoundError):
        await client.assistants.set_latest(id_, 4)


async def test_search_count_and_delete(service: Served) -> None:
    client = service.sdk()
    made = [
        await client.assistants.create("coding", config=SHOP, name=f"Shop {n}", metadata={"n": n}) for n in range(3)
    ]
    names = [each["name"] for each in await client.assistants.search(limit=3)]
    assert names == ["Shop 2", "Shop 1", "Shop 0"]
    assert len(await client.assistants.search(limit=10, offset=1)) == 4
    assert await client.assistants.count() == 5
    assert await client.assistants.count(name="shop", metadata={"n": 1}) == 1
    assert await client.assistants.search(graph_id="other") == []
    in_order = await client.assistants.search(sort_by="name", sort_order="asc", select=["name"])
    assert [each["name"] for each in in_order] == sorted(each["name"] for each in in_order)
    id_ = made[0]["assistant_id"]
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, id_, input=WORDS)
    await client.assistants.delete(id_, delete_threads=True)
    for gone in (client.assistants.get(id_), client.threads.get(thread)):
        with pytest.raises(NotFoundError):
            await gone
    with pytest.raises(NotFoundError):
        await client.runs.create(None, id_, input=WORDS)


async def test_what_an_assistant_cannot_be(service: Served) -> None:
    client = service.sdk()
    with pytest.raises(NotFoundError):
        await client.assistants.create("another-graph")
    for config in ({"configurable": {"colour": "blue"}}, {"configurable": {"deliver": "rocket"}}):
        with pytest.raises(UnprocessableEntityError):
            await client.assistants.create("coding", config=config)
    with pytest.raises(httpx.HTTPStatusError) as caught:
        await client.assistants.create("coding", config={"configurable": {"repo": "https://a:b@host/x"}})
    assert caught.value.response.json()["code"] == "credential_in_url"
    id_ = str(uuid4())
    await client.assistants.create("coding", assistant_id=id_, name="mine")
    with pytest.raises(ConflictError):
        await client.assistants.create("coding", assistant_id=id_)
    same = await client.assistants.create("coding", assistant_id=id_, if_exists="do_nothing", name="x")
    assert same["name"] == "mine"
    for change in (client.assistants.update("coding", name="x"), client.assistants.delete("coding")):
        with pytest.raises(APIStatusError) as refused:
            await change
        assert refused.value.code == "assistant_fixed"


async def test_updates_at_the_same_time_are_versions_of_their_own(service: Served) -> None:
    client = service.sdk()
    id_ = (await client.assistants.create("coding", name="x"))["assistant_id"]
    made = await asyncio.gather(*(client.assistants.update(id_, metadata={f"k{n}": n}) for n in range(5)))
    assert sorted(each["version"] for each in made) == [2, 3, 4, 5, 6]
    assert (await client.assistants.get(id_))["metadata"].items() >= {f"k{n}": n for n in range(5)}.items()


async def due(service: Served, **changes: Any) -> Cron:
    """A cron whose tick has come: written as if it had been planned two days ago."""
    at = datetime.now(UTC)
    fields: dict[str, Any] = {
        "id": str(uuid4()),
        "org": "local",
        "assistant": (await service.context.assistants.get("coding", "local")).id,
        "schedule": "0 * * * *",
        "asked": {"input": TASK},
        "subject": "ann",
        "created_at": at,
        "updated_at": at,
        **changes,
    }
    crons = service.context.crons
    early = replace(crons, clock=lambda: at - timedelta(days=2))
    return await early.add(Cron(**fields))


async def runs_of(service: Served, cron: Cron) -> list[Any]:
    threads = await service.sdk().threads.search(limit=100)
    turns = [each for thread in threads for each in await service.context.turns.of(thread["thread_id"], limit=100)]
    return [turn for turn in turns if turn.metadata.get("cron_id") == cron.id]


async def ticks(service: Served, cron: Cron) -> Cron:
    async with asyncio.timeout(20):
        while (now := await service.context.crons.get(cron.id, "local")).next_at == cron.next_at:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return now


async def test_missed_ticks_start_one_run(service: Served) -> None:
    cron = await due(service, metadata={"team": "a"})
    after = await ticks(service, cron)
    assert after.next_at is not None
    assert after.next_at > datetime.now(UTC)
    (run,) = await runs_of(service, cron)
    ended = await service.sdk().runs.join(run.thread, run.id)
    assert ended["ending"]["status"] == "delivered"
    assert run.metadata["team"] == "a"
    assert ended["task"]["requester"] == "ann"


async def test_two_servers_start_one_run(service: Served) -> None:
    cron = await due(service)
    maintenance = service.context.maintenance
    await asyncio.gather(*(maintenance.tick(cron) for _ in range(5)), return_exceptions=True)
    await maintenance.tick(cron)
    assert len(await runs_of(service, cron)) == 1


async def test_a_cron_of_a_thread_goes_on_with_it_and_waits_while_it_is_busy(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    await client.runs.wait(thread, "coding", input=SIGN)
    cron = await due(service, thread=thread, asked={"input": WORDS})
    after = await ticks(service, cron)
    assert (after.enabled, await runs_of(service, cron)) == (True, [])
    await client.threads.delete(thread)
    cron = await due(service, thread=thread, asked={"input": WORDS})
    gone = await ticks(service, cron)
    assert (gone.enabled, gone.next_at) == (False, None)
    assert "thread_not_found" in (gone.error or "")


async def test_a_cron_of_somebody_who_is_gone_is_switched_off(service: Served) -> None:
    cron = await due(service, subject="ghost")
    after = await ticks(service, cron)
    assert (after.enabled, await runs_of(service, cron)) == (False, [])


async def test_the_six_methods_of_the_sdk(service: Served) -> None:
    client = service.sdk()
    thread = (await client.threads.create())["thread_id"]
    zone = ZoneInfo("Europe/Berlin")
    nightly = await client.crons.create("coding", schedule="0 3 * * *", input=TASK, timezone=zone, metadata={"n": 1})
    assert (nightly["timezone"], nightly["enabled"], nightly["thread_id"]) == ("Europe/Berlin", True, None)
    at = datetime.fromisoformat(str(nightly["next_run_date"])).astimezone(zone)
    assert (at.hour, at.minute, at > datetime.now(zone)) == (3, 0, True)
    there = await client.crons.create_for_thread(thread, "coding", schedule="*/5 * * * *", input=TASK, enabled=False)
    assert (there["thread_id"], there["next_run_date"]) == (thread, None)
    changed = await client.crons.update(
        there["cron_id"], enabled=True, schedule="0 0 1 1 *", end_time=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert (changed["schedule"], changed["next_run_date"]) == ("0 0 1 1 *", None)
    assert (await client.crons.update(there["cron_id"], end_time=None))["next_run_date"] is not None
    assert await client.crons.count() == 2
    assert await client.crons.count(thread_id=thread) == 1
    assert [each["cron_id"] for each in await client.crons.search(metadata={"n": 1})] == [nightly["cron_id"]]
    assert len(await client.crons.search(assistant_id="coding", sort_by="next_run_date", limit=1, offset=1)) == 1
    assert set((await client.crons.search(select=["cron_id"], limit=1))[0]) == {"cron_id"}
    await client.crons.delete(nightly["cron_id"])
    with pytest.raises(NotFoundError):
        await client.crons.delete(nightly["cron_id"])


@pytest.mark.parametrize(
    "wrong",
    [
        {"schedule": "every day"},
        {"schedule": "* * * * * *"},
        {"schedule": "61 * * * *"},
        {"timezone": "Mars/Olympus"},
        {"on_run_completed": "delete"},
        {"input": {"messages": []}},
        {"input": {"task": {"text": "x", "repo": "/r", "deliver": "rocket"}}},
        {"multitask_strategy": "rollback"},
        {"colour": "blue"},
    ],
)
async def test_what_a_cron_cannot_be_is_told_at_once(service: Served, wrong: dict[str, Any]) -> None:
    async with service.http() as http:
        body = {"assistant_id": "coding", "schedule": "0 3 * * *", "input": TASK, **wrong}
        answer = await http.post("/runs/crons", json=body)
        assert answer.status_code == 422, answer.text
        assert (await http.post("/runs/crons/count", json={})).json() == 0
