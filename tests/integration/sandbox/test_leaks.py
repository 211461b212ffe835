"""Nothing is left behind: not by a kill, not by a cancellation, not by two thousand commands."""

import asyncio
import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import docker
import pytest

from sandbox import Docker, Spec
from sandbox.docker.hardening import LABEL
from sandbox.docker.reaper import OWNER, sweep
from sandbox.pool import Pool
from tests.integration.sandbox.conftest import SPEC

pytestmark = pytest.mark.docker
ROOT = Path(__file__).parents[3]

ORCHESTRATOR = """
import asyncio
from sandbox import Docker, Egress, Pool, Spec
async def main():
    pool = Pool(Docker(egress=Egress(hosts=("localhost:9",), private=("localhost",))), size=2)
    sandbox = await pool.lease(Spec(profile="packages"))
    await pool.settled()
    task = asyncio.create_task(sandbox.run(["sleep", "600"], timeout_s=600))
    await asyncio.sleep(0.2)
    print("ready", flush=True)
    await task
asyncio.run(main())
"""


@pytest.fixture
def api():
    client = docker.from_env().api
    yield client
    client.close()


def of(api, pid: int) -> list[str]:
    """Containers of the orchestrator with this number."""
    found = api.containers(all=True, filters={"label": LABEL})
    return [c["Names"][0] for c in found if f"/{pid}/" in c["Labels"].get(OWNER, "")]


async def until(true, seconds: float) -> bool:
    for _ in range(int(seconds * 10)):
        if true():
            return True
        await asyncio.sleep(0.1)
    return False


def others(api) -> tuple[set[str], set[str]]:
    """Networks and volumes of the engine."""
    volumes = api.volumes()["Volumes"] or ()
    return {network["Name"] for network in api.networks()}, {volume["Name"] for volume in volumes}


async def test_everything_ends_with_its_orchestrator(api):
    """Killed in the middle of a command, with the way out open and two warm ones on the shelf."""
    before = others(api)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", ORCHESTRATOR, cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert (await process.stdout.readline()) == b"ready\n"
    assert len(of(api, process.pid)) == 3
    assert [child for child in children() if child != process.pid] == []  # the proxy is no process of its own
    os.kill(process.pid, signal.SIGKILL)
    await process.wait()
    assert await until(lambda: not of(api, process.pid), 30)
    assert all(left <= there for left, there in zip(others(api), before, strict=True))


async def test_what_was_made_and_never_started_is_swept(api):
    dead = f"{'x' * 8}/pid:[1]/1/1"
    made = api.create_container("signoff-sandbox:latest", "true", labels={LABEL: "1", OWNER: dead})
    try:
        assert made["Id"] in {c["Id"] for c in api.containers(all=True)}
        sweep(api, dead)  # too young to be abandoned
        assert made["Id"] in {c["Id"] for c in api.containers(all=True)}
    finally:
        api.remove_container(made["Id"], force=True)


@pytest.mark.parametrize("after", [0.0, 0.02, 0.05, 0.1, 0.2])
async def test_a_lease_that_is_cancelled_leaves_nothing(api, after):
    backend = Docker()
    await (await backend.lease(SPEC)).close()
    before = set(of(api, os.getpid()))
    task = asyncio.create_task(backend.lease(SPEC))
    await asyncio.sleep(after)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await backend.close()
    # The engine may be removing it by itself, and lists it until then.
    assert await until(lambda: set(of(api, os.getpid())) <= before, 10)


def children() -> list[int]:
    """Processes that this one has started and not seen end."""
    me = os.getpid()
    return [int(pid) for pid in Path(f"/proc/{me}/task/{me}/children").read_text().split()]


def on_disk(api) -> int:
    """Bytes that containers of ours have written to the engine's disk."""
    found = api.containers(all=True, size=True, filters={"label": LABEL})
    return sum(each.get("SizeRw") or 0 for each in found)


def held() -> tuple[int, int]:
    """Descriptors and kilobytes that this process holds."""
    gc.collect()
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return len(list(Path("/proc/self/fd").iterdir())), int(status["VmRSS"].split()[0])


@pytest.mark.slow
@pytest.mark.timeout(600)
async def test_two_thousand_commands_and_two_hundred_leases(api):
    """No growth in descriptors, memory, threads, processes, containers or disk."""
    pool = Pool(Docker(), size=2)

    async def work(leases: int) -> None:
        for _ in range(leases):
            sandbox = await pool.lease(Spec(limits=SPEC.limits))
            for _ in range(10):
                assert (await sandbox.run(["sh", "-c", "echo x; sleep 0 &"])).stdout.head == b"x\n"
            await sandbox.close()

    await work(20)
    await pool.settled()
    (files, memory), threads, processes = held(), threading.active_count(), children()
    await work(200)
    await pool.settled()
    after_files, after_memory = held()
    assert after_files <= files + 2
    assert after_memory - memory < 24_000
    assert threading.active_count() <= threads + 2
    assert set(children()) <= set(processes)
    assert on_disk(api) == 0
    assert len(of(api, os.getpid())) == 2
    await pool.close()
    assert await until(lambda: not of(api, os.getpid()), 30)
