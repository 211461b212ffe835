"""A worker stands still for longer than its lease and then goes on: it must not write, nor act."""

import signal
from pathlib import Path

import pytest

from tests.chaos.asking import ending, quick_task, sign_all, started
from tests.chaos.life import Life
from tests.chaos.mortal import AFTER, BEFORE
from tests.chaos.nursery import Nursery

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]
LEASE_S = 1.0


@pytest.mark.parametrize(("node", "place"), [("plan", AFTER), ("execute", BEFORE), ("review", AFTER), ("ask", "0")])
async def test_the_command_line_stands_still_and_a_server_takes_over(
    born: Nursery, tmp_path: Path, node: str, place: str
) -> None:
    life = Life(born, tmp_path, {"lease_s": LEASE_S})
    life.doom.say(node, place, signal.SIGSTOP)
    zombie = await born.advance(tmp_path, "zombie", lease_s=LEASE_S)
    await zombie.stopped()
    await life.start()
    # The server takes the run up once its lease ran out; what the zombie began is begun again.
    await life.settled(["zombie"])
    undisturbed = await started(life.child, quick_task("sign it"))
    await life.settled([undisturbed])
    before = await _checkpoints(life)
    zombie.go_on()
    await zombie.dead()
    assert (tmp_path / "advanced").read_text() == "lease_lost"
    assert await _checkpoints(life) == before
    assert await ending(life.child, "zombie") == await ending(life.child, undisturbed)
    assert await sign_all(life.child) == 0, "it asked again"
    assert life.deliveries["zombie"] == 1


async def _checkpoints(life: Life) -> list[str]:
    async with life.child.http() as http:
        states = (await http.get("/threads/zombie/history", params={"limit": 100})).json()
    return [state["checkpoint_id"] for state in states]
