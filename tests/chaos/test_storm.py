"""Servers die at random moments; nothing is lost, nothing is delivered twice. ``make chaos`` is the long one."""

import pytest

from tests.chaos.life import Life
from tests.chaos.storm import storm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


async def test_a_short_storm(life: Life) -> None:
    tally = await storm(life, kills=10, seed=7, progress=2)
    assert len(tally.threads) > 5
    assert tally.sound, tally
