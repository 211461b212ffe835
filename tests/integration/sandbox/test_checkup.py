"""``signoff sandbox check`` begins with what everything else needs, and keeps every promise and attack in sight."""

from dataclasses import replace

import pytest

from sandbox import BACKENDS, Docker, Spec, checkup
from sandbox.attacks import ATTACKS
from sandbox.conformance import PROMISES

pytestmark = pytest.mark.docker


async def test_without_an_image_nothing_is_attacked():
    backend = Docker()
    checks = [
        check
        async for check in checkup(BACKENDS["docker"], backend, replace(Spec(), image="signoff-no-such-image:latest"))
    ]
    await backend.close()
    assert not checks[-1].ok
    assert "signoff sandbox build" in checks[-1].hint
    assert not {check.name for check in checks} & {attack.__name__ for attack in ATTACKS}


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_a_good_host_passes_all_of_it():
    backend = Docker()
    checks = [check async for check in checkup(BACKENDS["docker"], backend, Spec())]
    await backend.close()
    assert [check for check in checks if not check.passed] == []
    assert {*(p.__name__ for p in PROMISES), *(a.__name__ for a in ATTACKS)} <= {check.name for check in checks}
