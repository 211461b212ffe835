"""``kill -9`` of a worker, the supervisor or a merge at any moment: nothing is lost, and nothing is merged twice."""

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.nursery import Nursery
from tests.chaos.serving import doom_of
from tests.chaos.teaming import ANSWERS, PLACES
from tests.worlds import postgres
from tests.worlds.house import repository
from tests.worlds.teamwork import files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


async def ended(born: Nursery, folder: Path, *deaths: tuple[str, int], server: str = "") -> dict[str, Any]:
    """Let a team work that dies at each of these places in turn, the how manieth time a process comes to it."""
    if not (folder / "repo").exists():
        repository(folder / "repo", files(4))
    doom = doom_of(folder)
    for place, number in deaths:
        doom.say(place, str(number))
        await born.team_up(folder, "unsafe-local", server)
        assert not (folder / "ended").exists(), f"it did not die at {place} {number}"
        assert not doom.pending
    await born.team_up(folder, "unsafe-local", server)
    return json.loads((folder / "ended").read_text())


def sound(killed: dict[str, Any], whole: dict[str, Any], folder: Path, deaths: int) -> None:
    """The same tree, every branch in it once, and no answer paid more often than processes died."""
    assert killed["status"] == "delivered", killed["message"]
    assert killed["tree"] == whole["tree"]
    assert killed["steps"] == whole["steps"], "a turn counts once, however often it was begun"
    orders = sorted(order for _, status, order, _, _ in killed["workers"] if status == "landed")
    assert orders == [1, 2, 3, 4]
    assert {each[0]: each[3:] for each in killed["workers"]}.keys() == ANSWERS.keys()
    asked = Counter((folder / "asked").read_text().splitlines())
    assert len(asked) == 8
    assert max(asked.values()) <= 1 + deaths
    # Each death costs at most the turns that were under way: three workers, one each.
    assert sum(asked.values()) <= 8 + 3 * deaths


async def test_whoever_dies_nothing_is_lost_and_nothing_merged_twice(born: Nursery, tmp_path: Path) -> None:
    whole = await ended(born, tmp_path / "whole")
    assert whole["status"] == "delivered", whole["message"]
    deaths = [(place, min(1 + n % 2, whole["places"][place])) for n, place in enumerate(PLACES)]
    folder = tmp_path / "killed"
    sound(await ended(born, folder, *deaths), whole, folder, len(deaths))


@pytest.mark.postgres
async def test_the_same_on_postgresql(born: Nursery, tmp_path: Path, cluster: Path) -> None:
    whole = await ended(born, tmp_path / "whole", server=await postgres.emptied(cluster, "team-whole"))
    assert whole["status"] == "delivered", whole["message"]
    deaths = [(place, random.Random(place).randint(1, 2)) for place in PLACES]
    folder = tmp_path / "killed"
    killed = await ended(born, folder, *deaths, server=await postgres.emptied(cluster, "team-killed"))
    sound(killed, whole, folder, len(deaths))
