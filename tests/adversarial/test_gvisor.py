"""gVisor: one that cannot work is refused with the reason; one that works holds whatever means something there.

Debian 12's gVisor is of 2022 and cannot run ``ls`` on a present kernel, which makes it the right one to
prove the refusal with; what it can run at all must hold on it, too. Debian 13's works.
"""

import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from domain import Refused
from sandbox import Docker, Spec
from sandbox.attacks import ATTACKS, OWN_KERNEL, judge
from sandbox.conformance import PROMISES
from sandbox.docker.fault_injector import docker_arena
from tests.worlds.cli import Cli
from tests.worlds.engine import engine_with_gvisor
from tests.worlds.gvisor import newer_gvisor, old_gvisor
from tests.worlds.house import repository

pytestmark = [pytest.mark.docker, pytest.mark.slow, pytest.mark.timeout(900)]
SPEC = Spec(runtime="runsc")
ON_ANY_GVISOR = {
    "forge_runner_frame",
    "kill_pid1",
    "container_killed_from_outside",
    "cross_sandbox",
    "binary_ansi_invalid_utf8_prompt_marker_output",
    "mount_bind_remount",
    "module_kexec_clock_chroot_swap",
}
"""What a gVisor that lacks system calls can still be attacked with."""


@contextmanager
def engine(runsc: Path) -> Generator[str]:
    # Not under pytest's own folder: the path of a unix socket has to be short.
    place = Path(tempfile.mkdtemp(prefix="signoff-engine-"))
    try:
        with engine_with_gvisor(place, SPEC.image, runsc) as address:
            yield address
    finally:
        shutil.rmtree(place, ignore_errors=True)


async def held_on(backend: Docker, names: set[str]) -> dict[str, str]:
    """Attacks that were not held, with what happened."""
    arena = docker_arena(backend, SPEC)
    results = [await judge(attack, arena) for attack in ATTACKS if attack.__name__ in names]
    assert {result.name for result in results} == names
    return {result.name: result.detail for result in results if result.outcome != "held"}


async def test_one_that_is_too_old_is_refused_with_the_reason_and_still_holds_what_it_can_run():
    with engine(old_gvisor()) as address:
        backend = Docker(base_url=address)
        with pytest.raises(Refused) as refusal:
            await backend.lease(SPEC)
        assert refusal.value.stable_code == "runtime_unsupported"
        assert "ls and stat" in refusal.value.message
        assert "SIGNOFF_SANDBOX_RUNTIME=runc" in refusal.value.hint
        failed = [check for check in await backend.check(SPEC) if not check.passed]
        assert [check.name for check in failed] == ["isolation"]
        await backend.close()
        backend = Docker(base_url=address, probed=False)
        assert await held_on(backend, ON_ANY_GVISOR) == {}
        await backend.close()


async def test_one_that_works_keeps_every_promise_and_holds():
    with engine(newer_gvisor()) as address:
        backend = Docker(base_url=address)
        checks = {check.name: check for check in await backend.check(SPEC)}
        assert all(check.passed for check in checks.values())
        assert checks["isolation"].detail.startswith("runsc")
        for promise in PROMISES:
            sandbox = await backend.lease(SPEC)
            await promise(sandbox)
            await sandbox.close()
        assert await held_on(backend, {attack.__name__ for attack in ATTACKS} - set(OWN_KERNEL)) == {}
        await backend.close()


async def test_the_whole_agent_works_in_one_that_works(tmp_path):
    with engine(newer_gvisor()) as address:
        cli = Cli(
            tmp_path, {"DOCKER_HOST": address, "SIGNOFF_SANDBOX_RUNTIME": "runsc", "SIGNOFF_REPAIR_SECONDS": "180"}
        )
        ended = await cli.run(
            "run", "--repo", str(repository(tmp_path / "repo")), "--task", "Fix it", "--sign-as", "me", "--json"
        )
        assert ended.json["status"] == "delivered"
        assert ended.json["proof"]["exit_code"] == 0
        assert "docker/runsc" in ended.err


def test_every_exception_is_an_attack():
    assert set(OWN_KERNEL) < {attack.__name__ for attack in ATTACKS}
