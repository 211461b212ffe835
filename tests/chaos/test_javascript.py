"""The API server is killed while the official JavaScript SDK waits, joins and streams."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.chaos.life import Life
from tests.chaos.mortal import BEFORE
from tests.chaos.test_streams import NODES
from tests.worlds.node import beside_the_sdk, said_by

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
SCRIPT = Path(__file__).with_name("three_clients.mjs")


def nodes_of(heard: list[list[str]]) -> list[str]:
    """The nodes that were told; the step that was under way is told again, after another ``metadata`` event."""
    nodes, attempts, joint = list[str](), 0, 0
    for _, event, *keys in heard:
        if event == "metadata":
            attempts, joint = attempts + 1, len(nodes)
        for key in keys if event == "updates" else ():
            if key in NODES and not (attempts > 1 and len(nodes) == joint and nodes[-1:] == [key]):
                nodes.append(key)
    return nodes


async def test_it_goes_on_when_the_server_is_back(life: Life, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Joins and streams come back by themselves; a wait, which cannot, says that the connection is lost."""
    script = await beside_the_sdk(SCRIPT, tmp_path_factory.mktemp("node"))
    life.doom.say("review", BEFORE)
    talking = asyncio.create_task(said_by("node", script.name, life.child.url, life.child.key, cwd=script.parent))
    await life.child.dead()
    await life.start()
    told = json.loads(await talking)
    assert "fetch failed" in told["waited"]["said"], told
    assert (told["waited"]["ending"], told["joined"]) == ("delivered", "delivered")
    for heard in (told["streamed"], told["joinedStream"]):
        numbers = [int(id_.rpartition("-")[2]) for id_, event, *_ in heard if event != "end"]
        assert numbers == [*range(1, len(numbers) + 1)]
        assert nodes_of(heard) == NODES
        assert heard[-1][1] == "end"
    assert set(life.deliveries.values()) == {1}
    assert len(life.deliveries) == 4
