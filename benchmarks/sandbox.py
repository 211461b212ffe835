"""Commands, leases and snapshots, beside the ways that others take, in one run on one machine."""

import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import docker

from domain import SignoffError
from sandbox import REPO, Docker, Limits, Pool, Spec, Store, Workspaces
from sandbox.attacks import ATTACKS, assail
from sandbox.checkup import docker_arena

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


async def execs(backend: Docker) -> dict[str, float]:
    """One command: ours, both of Docker's ways, and no sandbox at all."""
    sandbox = await backend.lease(SPEC)
    api = docker.from_env().api
    plain = api.create_container(IMAGE, ["sleep", "600"], host_config=api.create_host_config(network_mode="none"))["Id"]
    api.start(plain)

    def by_api() -> None:
        api.exec_start(api.exec_create(plain, ["true"])["Id"])

    try:
        return {
            "sandbox.exec_p50_ms": await p50(300, lambda: sandbox.run(["true"], cwd="/")),
            "sandbox.docker_api_exec_p50_ms": await p50(20, lambda: asyncio.to_thread(by_api)),
            "sandbox.docker_cli_exec_p50_ms": await p50(20, lambda: command("docker", "exec", plain, "true")),
            "sandbox.subprocess_p50_ms": await p50(100, lambda: command("true")),
        }
    finally:
        await sandbox.close()
        api.remove_container(plain, force=True)
        api.close()


async def leases(backend: Docker) -> dict[str, float]:
    """From wanting a sandbox to the first result: cold, warm, and with ``docker run``."""

    async def cold() -> None:
        sandbox = await backend.lease(SPEC)
        await sandbox.run(["true"], cwd="/")
        closing.append(asyncio.create_task(sandbox.close()))

    closing: list[asyncio.Task[None]] = []
    cold_ms = await p50(15, cold)
    await asyncio.gather(*closing)
    run_ms = await p50(15, lambda: command("docker", "run", "--rm", "--network", "none", IMAGE, "true"))
    pool, taken = Pool(Docker(), size=2), []
    for _ in range(20):
        pool.warm(SPEC)
        await pool.settled()
        began = time.perf_counter()
        sandbox = await pool.lease(SPEC)
        await sandbox.run(["true"], cwd="/")
        taken.append((time.perf_counter() - began) * 1_000)
        await sandbox.close()
    await pool.close()
    take_ms = round(statistics.median(taken), 3)
    share = round(cold_ms / run_ms, 3)
    return {"sandbox.cold_p50_ms": cold_ms, "sandbox.docker_run_p50_ms": run_ms, "sandbox.take_p50_ms": take_ms,
            "sandbox.cold_share_of_run": share}  # fmt: skip


def repository(folder: Path, *, files: int, size: int) -> None:
    """Make a git repository of text that compresses as source code does."""
    folder.mkdir()
    line = "    return [self.value_of(item, key=name) for item in sorted(items, key=str)]  # {n}\n"
    for n in range(files):
        path = folder / f"pkg{n % 20}" / f"m{n}.py"
        path.parent.mkdir(exist_ok=True)
        noise = os.urandom(size // 8).hex()
        path.write_text((noise + "\n" + "".join(line.format(n=i * n) for i in range(size // 80)))[:size])
    for args in (["init", "-q"], ["add", "-A"], ["-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", "x"]):
        subprocess.run(["git", "-C", folder, *args], check=True)


async def snapshots(backend: Docker, *, files: int, size: int, changed: int) -> tuple[float, float, float]:
    """Milliseconds of a snapshot and a roll-back after a small change, and of a restore into a fresh sandbox."""
    with tempfile.TemporaryDirectory() as place:
        repo = Path(place) / "repo"
        repository(repo, files=files, size=size)
        store = Store(Path(place) / "store")
        pinned = await store.pin("run", str(repo))
        pool = Pool(backend, size=1)
        workspaces = Workspaces(pool, store, SPEC)
        workspace = await workspaces.open("run", pinned)
        await workspace.write("pkg0/m0.py", b"warm up\n")
        base = await workspace.snapshot("0")
        saved, back = [], []
        for n in range(11):
            await workspace.write("pkg0/m0.py", f"x = {n}\n".encode())
            began = time.perf_counter()
            await workspace.snapshot(str(n))
            saved.append((time.perf_counter() - began) * 1_000)
            began = time.perf_counter()
            await workspace.restore(base)
            back.append((time.perf_counter() - began) * 1_000)
        await workspace.run(["sh", "-c", f"cd {REPO}; for f in $(ls pkg*/* | head -{changed}); do echo y >>$f; done"])
        last = await workspace.snapshot("last")
        await workspaces.drop("run")
        fresh = []
        for _ in range(3):
            await pool.settled()
            began = time.perf_counter()
            await workspaces.open("run", pinned, last)
            fresh.append((time.perf_counter() - began) * 1_000)
            await workspaces.drop("run")
        await workspaces.close()
        await pool.close()
    return tuple(round(statistics.median(values), 2) for values in (saved, back, fresh))  # type: ignore[return-value]


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
    backend = Docker()
    measured = await execs(backend)
    cli, ours = measured["sandbox.docker_cli_exec_p50_ms"], measured["sandbox.exec_p50_ms"]
    measured["sandbox.exec_faster_than_cli"] = round(cli / ours, 1)
    measured |= await leases(backend)
    saved, back, fresh = await snapshots(backend, files=500, size=20_000, changed=500)
    measured |= {"sandbox.snapshot_ms": saved, "sandbox.rollback_ms": back, "sandbox.restore_10mb_ms": fresh}
    _, _, fresh = await snapshots(Docker(), files=2_000, size=50_000, changed=500)
    measured["sandbox.restore_ms"] = fresh
    await backend.close()
    measured["sandbox.concurrent_max"] = await concurrent()
    return measured | await attacks()


def measure() -> dict[str, float]:
    return asyncio.run(everything())


if __name__ == "__main__":
    for name, number in measure().items():
        print(f"{name:40} {number}")
