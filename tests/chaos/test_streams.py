"""The API server is killed while a client hears a stream."""

import asyncio
import json
from contextlib import suppress
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client

from tests.chaos.asking import quick_task
from tests.chaos.life import Life
from tests.chaos.mortal import AFTER, BEFORE
from tests.chaos.nursery import Child

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
NODES = ["receive", "plan", "execute", "observe", "review", "approve", "deliver"]


async def test_the_sdk_hears_on_when_the_server_is_back(life: Life) -> None:
    """LangGraph's client comes back by itself with the id of the last event it heard, and misses no step."""
    life.doom.say("review", BEFORE)
    heard = list[str]()

    async def hears() -> None:
        async with get_client(url=life.child.url, api_key=life.child.key) as client:
            asked = quick_task("do it")["input"]
            async for part in client.runs.stream(None, "coding", input=asked, stream_mode="updates"):
                heard.extend(part.data if part.event == "updates" else [part.event])

    hearing = asyncio.create_task(hears())
    await life.child.dead()
    await life.start()
    await asyncio.wait_for(hearing, 60)
    assert [name for name in heard if name in NODES] == NODES
    assert heard[-1] == "end"
    assert list(life.deliveries.values()) == [1]


@pytest.mark.parametrize(("node", "place"), [("plan", AFTER), ("execute", BEFORE), ("observe", AFTER)])
async def test_last_event_id_outlives_the_server(life: Life, node: str, place: str) -> None:
    """Every event is heard once, whichever of the two servers told it, and no number is left out."""
    life.doom.say(node, place)
    asked = {**quick_task("do it"), "assistant_id": "coding", "stream_mode": ["updates", "custom"]}
    early, where = await heard_of(life.child, "POST", "/runs/stream", json=asked)
    await life.child.dead()
    await life.start()
    last = {"last-event-id": next(reversed(early))}
    late, _ = await heard_of(life.child, "GET", where, headers=last)
    whole, _ = await heard_of(life.child, "GET", where)
    assert not early.keys() & late.keys()
    assert {**early, **late} == whole
    assert [int(each.rpartition("-")[2]) for each in whole] == [*range(1, len(whole) + 1)]
    updated = [key for event, body in whole.values() if event == "updates" for key in json.loads(body)]
    assert [name for name in updated if name in NODES] == NODES


async def heard_of(child: Child, method: str, path: str, **given: Any) -> tuple[dict[str, tuple[str, str]], str]:
    """(event, data) by id of a stream, until it or its server ends; and where it can be joined."""
    heard, where, fields = dict[str, tuple[str, str]](), "", dict[str, str]()
    async with httpx.AsyncClient(base_url=child.url, headers={"x-api-key": child.key}, timeout=60) as http:
        with suppress(httpx.TransportError):
            async with http.stream(method, path, **given) as answer:
                where = answer.headers["location"]
                async for line in answer.aiter_lines():
                    name, _, value = line.partition(": ")
                    if not line and "id" in fields:
                        heard[fields["id"]] = (fields["event"], fields["data"])
                    fields = {**fields, name: value} if line else {}
    return heard, where
