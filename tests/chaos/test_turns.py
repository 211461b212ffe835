"""``kill -9`` between any two turns of a coder: the run goes on with the next one, and no turn is taken twice."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.tree import ROOT
from tests.chaos.talking import TURNS
from tests.worlds.house import repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def ended(folder: Path, *deaths: int) -> dict[str, Any]:
    """How a run ends whose process is killed where it begins these turns."""
    repository(folder / "repo")
    for dies_at in (*deaths, 0):
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.chaos.talking", str(folder), str(dies_at), cwd=ROOT
        )
        assert await child.wait() == (-9 if dies_at else 0)
    return json.loads((folder / "ended").read_text())


async def test_a_run_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    undisturbed = await ended(tmp_path / "undisturbed")
    assert undisturbed["status"] == "delivered"
    killed = await ended(tmp_path / "killed", *range(1, len(TURNS) + 1))
    assert killed == undisturbed
    asked = (tmp_path / "killed" / "asked").read_text().split()
    assert asked == ["1", "1", "2", "2", "3", "3", "4", "4"], "only the turn that was lost is asked for again"
