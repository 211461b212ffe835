"""Nobody gets out, and nobody is waited for: every attack, on hardened containers."""

import pytest

from sandbox.attacks import ATTACKS, judge

pytestmark = [pytest.mark.docker, pytest.mark.slow]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_the_sandbox_holds(arena, attack):
    result = await judge(attack, arena)
    assert result.expected
    assert result.outcome == "held", result.detail
