"""The API server is killed while a client hears a stream."""

import asyncio

import pytest
from langgraph_sdk import get_client

from tests.chaos.asking import quick_task
from tests.chaos.life import Life
from tests.chaos.mortal import BEFORE

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
