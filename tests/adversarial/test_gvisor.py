"""gVisor: one that cannot work is refused with the reason; what it can run holds.

The distribution's gVisor is years old and cannot run ``ls`` on a present kernel, which makes it the
right one to prove the refusal with. The attacks that it can run at all must be held by it, too.
"""

import shutil
import tempfile
from pathlib import Path

import pytest

from domain import Refused
from sandbox import Docker, Spec
from sandbox.attacks import ATTACKS, judge
from sandbox.checkup import docker_arena
from tests.worlds.engine import engine_with_gvisor

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(600)]
SPEC = Spec(runtime="runsc")
ON_ANY_GVISOR = {
    "forge_runner_frame", "kill_pid1", "net_none_direct", "container_killed_from_outside", "cross_sandbox",
    "binary_ansi_invalid_utf8_prompt_marker_output",
    "mount_bind_remount", "module_kexec_clock_chroot_swap",
}  # fmt: skip
"""What a gVisor that lacks system calls can still be attacked with. See docs/threat-model.md for the others."""


@pytest.fixture(scope="module")
def address():
    # Not under pytest's own folder: the path of a unix socket has to be short.
    place = Path(tempfile.mkdtemp(prefix="signoff-engine-"))
    with engine_with_gvisor(place, SPEC.image) as made:
        yield made
    shutil.rmtree(place, ignore_errors=True)


async def works(address: str) -> Refused | None:
    backend = Docker(base_url=address)
    try:
        await backend.lease(SPEC)
    except Refused as refusal:
        return refusal
    finally:
        await backend.close()
    return None


async def test_a_runtime_works_or_is_refused_with_the_reason(address):
    refusal = await works(address)
    if refusal is not None:
        assert refusal.stable_code == "runtime_unsupported"
        assert "ls and stat" in refusal.message
        assert "SIGNOFF_SANDBOX_RUNTIME=runc" in refusal.hint
    backend = Docker(base_url=address)
    checks = {check.name: check for check in await backend.check(SPEC)}
    await backend.close()
    assert checks["isolation"].detail.startswith("runsc") or not checks["isolation"].ok
    assert all(check.ok for check in checks.values()) is (refusal is None)


async def test_what_can_be_tried_on_it_holds(address):
    names = ON_ANY_GVISOR
    backend = Docker(base_url=address, probed=False)
    arena = docker_arena(backend, SPEC)
    results = [await judge(attack, arena) for attack in ATTACKS if attack.__name__ in names]
    await backend.close()
    assert {result.name for result in results} == names
    assert {result.name: result.detail for result in results if result.outcome != "held"} == {}
