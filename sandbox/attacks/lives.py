"""Attacks on the life of a sandbox: killed, frozen, orphaned, handed on."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Final

from domain import SandboxLost
from sandbox.attacks.arena import Arena, Try
from sandbox.conformance import must
from sandbox.contract import Sandbox
from sandbox.pool import Pool

_ORCHESTRATOR = """
import asyncio
from sandbox import Docker, Limits, Spec
async def main():
    spec = Spec(image={image!r}, runtime={runtime!r}, limits=Limits(memory_mb=256))
    sandbox = await Docker(base_url={address!r}).lease(spec)
    print(sandbox.id, flush=True)
    await sandbox.run(["sleep", "600"], timeout_s=600)
asyncio.run(main())
"""


async def frozen_then_thawed(arena: Arena) -> None:
    """A frozen sandbox is one infrastructure error; thawed or not, it is not used again."""
    sandbox = await arena.sandbox()
    await arena.hand.freeze(sandbox)
    try:
        must(not await sandbox.run(["true"], timeout_s=0.5), "a frozen sandbox answered")
    except SandboxLost:
        pass
    finally:
        await arena.hand.thaw(sandbox)
    await _lost(sandbox)


async def container_killed_from_outside(arena: Arena) -> None:
    """A command that is running then ends in one infrastructure error, never in output."""
    sandbox = await arena.sandbox()
    running = asyncio.create_task(sandbox.run(["sh", "-c", "echo half; sleep 60"]))
    await asyncio.sleep(0.3)
    began = time.monotonic()
    await arena.hand.kill(sandbox)
    try:
        must(not (await running), "the command ended")
    except SandboxLost:
        must(time.monotonic() - began < 5, "noticed too late")  # noqa: PLR2004
    await _lost(sandbox)


async def orchestrator_dies(arena: Arena) -> None:
    """Its containers are gone within 30 s, also in the middle of a command."""
    program = _ORCHESTRATOR.format(image=arena.spec.image, runtime=arena.spec.runtime, address=arena.hand.address)
    home = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, cwd=home, stdout=asyncio.subprocess.PIPE
    )
    must(process.stdout is not None, "no output")
    assert process.stdout is not None  # noqa: S101  for the type checker
    name = (await process.stdout.readline()).decode().strip()
    must(name.startswith("signoff-") and await arena.hand.alive(name), f"it did not start: {name!r}")
    process.kill()
    await process.wait()
    end = time.monotonic() + 30
    while await arena.hand.alive(name):
        must(time.monotonic() < end, "the container lives on")
        await asyncio.sleep(0.2)


async def pool_reuse_residue(arena: Arena) -> None:
    """What was used is thrown away: nobody gets a sandbox that was somebody's."""
    pool = Pool(arena.backend, size=1)
    try:
        first = await pool.lease(arena.spec)
        await first.run(["sh", "-c", "echo secret >/tmp/s; echo secret >/work/repo/s; (setsid sleep 60 &)"])
        await first.close()
        for _ in range(3):
            await pool.settled()
            other = await pool.lease(arena.spec)
            must(other.id != first.id, "the same one again")
            ran = await other.run(["sh", "-c", "ls -A /tmp /work/repo /work/home; ls -d /proc/[0-9]* | wc -l"])
            must("s" not in ran.stdout.text().split(), ran)
            await other.close()
    finally:
        await pool.close()


async def _lost(sandbox: Sandbox) -> None:
    try:
        await sandbox.run(["true"], timeout_s=2)
    except SandboxLost:
        return
    must(true=False, otherwise="a lost sandbox was used again")


LIVES: Final[tuple[Try, ...]] = (
    frozen_then_thawed,
    container_killed_from_outside,
    orchestrator_dies,
    pool_reuse_residue,
)
