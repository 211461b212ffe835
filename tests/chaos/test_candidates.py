"""``kill -9`` in the middle of a candidate's turn: the run goes on there, and the same candidate is chosen."""

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.chaos.competing import ANSWERS
from tests.chaos.mortal import AFTER
from tests.chaos.nursery import Nursery
from tests.chaos.serving import doom_of
from tests.chaos.test_sandboxes import left_of
from tests.worlds.house import BUGGY, repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FILES = {
    **{name: text for name, text in BUGGY.items() if name.startswith("shop")},
    "tests/__init__.py": "",
    "tests/test_prices.py": (
        "import unittest\n\nfrom shop.prices import total\n\n\nclass Prices(unittest.TestCase):\n"
        "    def test_total(self):\n        self.assertEqual(total([1, 2, 3]), 6)\n"
    ),
}
TURNS = sum(map(len, ANSWERS.values()))


class Ended(NamedTuple):
    """What a run came to, how often its process died, and the folder with its notes."""

    result: dict[str, Any]
    pids: set[int]
    folder: Path

    @property
    def asked(self) -> Counter[str]:
        return Counter((self.folder / "asked").read_text().splitlines())

    @property
    def visits(self) -> dict[str, int]:
        """The moments of each visit that came to its end, in order."""
        lines = (self.folder / "visits").read_text().splitlines()
        return {name: int(moments) for name, moments in (line.split() for line in lines)}

    @property
    def temporary(self) -> list[str]:
        """Files of the home that only a process which works on them may have."""
        names = ("*.lock", "*.tmp", "tmp_*", "index*", "*.part")
        return sorted({path.name for name in names for path in (self.folder / "home").rglob(name)})


async def ended(born: Nursery, folder: Path, sandbox: str, *deaths: tuple[str, str]) -> Ended:
    """Let a run compete that dies once at each of these places, in their order."""
    repository(folder / "repo", FILES)
    doom, pids = doom_of(folder), set[int]()
    for visit, place in deaths:
        doom.say(visit, place)
        pids.add((await born.compete(folder, sandbox)).pid)
        assert not (folder / "ended").exists(), f"it did not die in {visit}, {place}"
        assert not doom.pending, f"it never came to {visit}"
    pids.add((await born.compete(folder, sandbox)).pid)
    return Ended(json.loads((folder / "ended").read_text()), pids, folder)


@pytest.mark.parametrize("sandbox", ["unsafe-local", pytest.param("docker", marks=pytest.mark.docker)])
async def test_the_same_one_is_chosen_whenever_the_process_dies(born: Nursery, tmp_path: Path, sandbox: str) -> None:
    undisturbed = await ended(born, tmp_path / "undisturbed", sandbox)
    assert undisturbed.result["status"] == "delivered"
    assert undisturbed.result["loops"] == 0
    assert len(undisturbed.visits) == TURNS + len(ANSWERS), "a visit for each turn, and one for each end"
    # Each visit somewhere in its middle, in the next one a bit further on, and when its work is done and not yet kept.
    middles = [(name, str(moments * (n % 5 + 1) // 6)) for n, (name, moments) in enumerate(undisturbed.visits.items())]
    deaths = [death for name, moment in middles for death in ((name, moment), (name, AFTER))]
    deaths = deaths if sandbox == "unsafe-local" else deaths[::3]
    killed = await ended(born, tmp_path / "killed", sandbox, *deaths)
    assert killed.result == undisturbed.result
    assert list(killed.visits) == list(undisturbed.visits), "no visit that came to its end is made again"
    again = killed.asked - undisturbed.asked
    assert all(count <= 2 for count in again.values()), "a death costs the answer that it interrupted"
    assert killed.temporary == undisturbed.temporary
    if sandbox == "docker":
        assert await asyncio.to_thread(left_of, killed.pids) == []
