"""Commands, leases and snapshots, beside the ways that others take, in one run on one machine."""

import asyncio
import statistics
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import docker

from domain import SignoffError
from sandbox import Docker, Limits, Pool, Spec
from sandbox.attacks import ATTACKS, assail
from sandbox.docker.fault_injector import docker_arena

IMAGE = "signoff-sandbox:latest"
SPEC = Spec(image=IMAGE, limits=Limits(work_mb=1_024))
MANY = 110
"""As many sandboxes are tried to be alive at once."""


async def p50(times: int, work: Callable[[], Awaitable[object]]) -> float:
    """Milliseconds of the median; the first run does not count."""
    await work()
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - began) * 1_000)
    return round(statistics.median(taken), 3)


async def command(*argv: str) -> None:
    process = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert await process.wait() == 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """An engine and a runtime to measure, and what its numbers are called."""

    make: Callable[[], Docker]
    spec: Spec = SPEC
    cli: tuple[str, ...] = ("docker",)
    base_url: str | None = None
    name: str = "sandbox"

    def api(self) -> docker.APIClient:
        return docker.APIClient(base_url=self.base_url) if self.base_url else docker.from_env().api


async def execs(bench: Bench) -> dict[str, float]:
    """One command: ours, and both of Docker's ways."""
    backend, api, runtime = bench.make(), bench.api(), bench.spec.runtime
    sandbox = await backend.lease(bench.spec)
    host = api.create_host_config(network_mode="none", runtime=runtime)
    plain = api.create_container(IMAGE, ["python3", "-c", "import time; time.sleep(600)"], host_config=host)["Id"]
    api.start(plain)

    def by_api() -> None:
        api.exec_start(api.exec_create(plain, ["true"])["Id"])

    try:
        return {
            f"{bench.name}.exec_p50_ms": await p50(300, lambda: sandbox.run(["true"], cwd="/")),
            f"{bench.name}.docker_api_exec_p50_ms": await p50(20, lambda: asyncio.to_thread(by_api)),
            f"{bench.name}.docker_cli_exec_p50_ms": await p50(20, lambda: command(*bench.cli, "exec", plain, "true")),
        }
    finally:
        await backend.close()
        api.remove_container(plain, force=True)
        api.close()


async def leases(bench: Bench) -> dict[str, float]:
    """From wanting a sandbox to the first result: cold, warm, and with ``docker run``; cold and run take turns."""
    backend, runs, colds = bench.make(), list[float](), list[float]()
    argv = (*bench.cli, "run", "--rm", "--network", "none", "--runtime", bench.spec.runtime, IMAGE, "true")

    async def cold() -> None:
        sandbox = await backend.lease(bench.spec)
        await sandbox.run(["true"], cwd="/")
        colds.append((time.perf_counter() - began) * 1_000)
        await sandbox.close()

    for _ in range(16):
        began = time.perf_counter()
        await cold()
        began = time.perf_counter()
        await command(*argv)
        runs.append((time.perf_counter() - began) * 1_000)
    pool, taken = Pool(backend, size=2), list[float]()
    for _ in range(20):
        pool.warm(bench.spec)
        await pool.settled()
        began = time.perf_counter()
        sandbox = await pool.lease(bench.spec)
        await sandbox.run(["true"], cwd="/")
        taken.append((time.perf_counter() - began) * 1_000)
        await sandbox.close()
    await pool.close()
    cold_ms, run_ms, take_ms = (round(statistics.median(values[1:]), 3) for values in (colds, runs, taken))
    return {
        f"{bench.name}.cold_p50_ms": cold_ms,
        f"{bench.name}.docker_run_p50_ms": run_ms,
        f"{bench.name}.take_p50_ms": take_ms,
    }


async def concurrent() -> int:
    """How many sandboxes answer while all of them are alive."""
    backend = Docker()
    spec = Spec(image=IMAGE, limits=Limits(memory_mb=64, work_mb=16, tmp_mb=16))
    alive = []
    try:
        while len(alive) < MANY:
            alive += await asyncio.gather(*(backend.lease(spec) for _ in range(5)))
    except SignoffError as error:
        print(f"no more than {len(alive)}: {error}")
    answers = await asyncio.gather(*(sandbox.run(["true"], cwd="/") for sandbox in alive))
    await backend.close()
    return sum(answer.ok for answer in answers)


async def attacks() -> dict[str, float]:
    backend = Docker()
    results = [result async for result in assail(ATTACKS, docker_arena(backend, SPEC))]
    for result in results:
        if result.outcome != "held":
            print(f"{result.name}: {result.outcome}: {result.detail}")
    await backend.close()
    held = sum(result.outcome == "held" for result in results)
    share = held / len(results)
    return {"sandbox.attacks_stopped": held, "sandbox.attacks_total": len(results), "sandbox.attacks_held_share": share}


async def everything() -> dict[str, float]:
    from benchmarks.workspaces import snapshots  # noqa: PLC0415  it needs this module

    bench, backend = Bench(make=Docker), Docker()
    measured = {"sandbox.subprocess_p50_ms": await p50(100, lambda: command("true"))}
    measured |= await execs(bench)
    cli, ours = measured["sandbox.docker_cli_exec_p50_ms"], measured["sandbox.exec_p50_ms"]
    measured["sandbox.exec_faster_than_cli"] = round(cli / ours, 1)
    measured |= await leases(bench)
    share = measured["sandbox.cold_p50_ms"] / measured["sandbox.docker_run_p50_ms"]
    measured["sandbox.cold_share_of_run"] = round(share, 3)
    saved, back, fresh = await snapshots(backend, files=500, size=20_000, changed=500)
    measured |= {"sandbox.snapshot_ms": saved, "sandbox.rollback_ms": back, "sandbox.restore_10mb_ms": fresh}
    _, _, fresh = await snapshots(Docker(), files=2_000, size=50_000, changed=500)
    measured["sandbox.restore_ms"] = fresh
    await backend.close()
    measured["sandbox.concurrent_max"] = await concurrent()
    return measured | await attacks()


def measure() -> dict[str, float | str]:
    from benchmarks.gvisor import gvisor  # noqa: PLC0415  it needs this module

    return {**asyncio.run(everything()), **gvisor()}


if __name__ == "__main__":
    for name, number in measure().items():
        print(f"{name:40} {number}")
