"""Texts from outside that give orders, and models that obey them: nothing happens that nobody signed."""

from pathlib import Path

import pytest

from tests.worlds.injections import ATTACKS, CONTAINED, DIALECTS, SURFACES
from tests.worlds.safety import tried

OPEN = [name for name in ATTACKS if name not in CONTAINED]
CASES = [
    (s, OPEN[(n + 3 * m) % len(OPEN)], d) for n, s in enumerate(SURFACES) for m, d in enumerate(SURFACES[s].dialects)
]


@pytest.mark.parametrize(("surface", "attack", "dialect"), CASES)
async def test_x(tmp_path: Path, surface, attack, dialect) -> None:
    out = await tried(tmp_path, surface, attack, dialect)
    print("OUT", out)
    assert out.effects == ()
    assert out.told_at
    assert out.solved
