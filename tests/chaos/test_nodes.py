"""``kill -9`` of the worker at every boundary of a node and inside every node: the run ends as an undisturbed one."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.asking import ending, quick_task, real_task, started
from tests.chaos.life import Life
from tests.chaos.mortal import AFTER, BEFORE, NODES
from tests.chaos.nursery import Nursery
from tests.wire.openai_server import OpenAIServer
from tests.worlds.house import FIX, OK, QUICK, git, repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
VISITED = tuple(node for node in NODES if node not in {"replan", "team"})  # teams: test_teams.py
SCRIPT: list[dict[str, Any]] = [
    {"when": "code_change", "repeat": True, "answer": FIX},
    {"when": "review", "repeat": True, "answer": OK},
]
MOMENTS: dict[str, tuple[int, ...]] = {
    "receive": (0, 5),
    "plan": (1,),
    "execute": (0, 9, 30),
    "review": (2, 20),
    "ask": (0, 1),
    "wait": (1,),
    "deliver": (0, 2, 5, 9, 14),
}
"""Of those at which a node waits for something. ``observe`` and ``assess`` wait for nothing: they have none."""


async def test_at_every_boundary(life: Life) -> None:
    """Before a node, and after it did its work but before a checkpoint says so."""
    undisturbed = await started(life.child, quick_task("sign it"))
    await life.settled([undisturbed])
    wanted, threads = await ending(life.child, undisturbed), [undisturbed]
    for node in VISITED:
        for place in (BEFORE, AFTER):
            # ``wait`` never ends the first time: it is left by an interrupt, and ends when it was decided.
            life.doom.say(node, place)
            threads.append(await started(life.child, quick_task("sign it")))
            await life.settled(threads[-1:])
            assert not life.doom.pending, f"it never came to {node}, {place}"
            assert await ending(life.child, threads[-1]) == wanted, f"killed {place} {node}"
    assert life.deaths == 2 * len(VISITED)
    assert life.deliveries == Counter(threads)


@pytest.mark.parametrize(
    "nodes",
    [
        ("deliver",),
        pytest.param(tuple(node for node in MOMENTS if node != "deliver"), marks=pytest.mark.chaos, id="others"),
    ],
)
async def test_inside_every_node(born: Nursery, tmp_path: Path, nodes: tuple[str, ...]) -> None:
    """With the real colleagues; in the end there is one branch with one commit, whenever they were killed."""
    async with OpenAIServer(SCRIPT) as model:
        life = Life(born, tmp_path, {"whole": True, "model_base_url": model.base_url})
        await life.start()
        wanted = await _delivered(life, tmp_path / "undisturbed")
        for node in nodes:
            for number in MOMENTS[node]:
                life.doom.say(node, str(number))
                ended = await _delivered(life, tmp_path / f"{node}-{number}")
                assert not life.doom.pending, f"{node} has no moment {number}"
                assert ended == wanted, f"killed in {node}, moment {number}"
    assert life.deaths == sum(len(MOMENTS[node]) for node in nodes)


async def _delivered(life: Life, folder: Path) -> dict[str, Any]:
    repo = repository(folder)
    thread = await started(life.child, real_task(repo, QUICK))
    await life.settled([thread])
    (branch,) = git(repo, "branch", "--list", "signoff/*").split()
    assert git(repo, "rev-list", "--count", f"main..{branch}") == "1"
    return await ending(life.child, thread)
