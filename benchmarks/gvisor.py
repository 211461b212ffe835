"""The same under gVisor, in engines of our own: the numbers of one that works, and why an old one is refused."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.sandbox import IMAGE, SPEC, Bench, execs, leases
from domain import Refused
from sandbox import Docker, Spec
from tests.worlds.engine import engine_with_gvisor
from tests.worlds.gvisor import newer_gvisor, old_gvisor

Numbers = dict[str, float | str]
RUNSC = Spec(image=IMAGE, runtime="runsc", limits=SPEC.limits)


def gvisor() -> dict[str, float | str]:
    if os.geteuid() != 0:
        return {"sandbox.runsc.refused": "only root can start an engine with it"}
    return {**_on(newer_gvisor(), _measured), **_on(old_gvisor(), _refused)}


def _on(runsc: Path, work: Callable[[str], Coroutine[Any, Any, Numbers]]) -> Numbers:
    place = Path(tempfile.mkdtemp(prefix="signoff-engine-"))
    try:
        with engine_with_gvisor(place, IMAGE, runsc) as address:
            return asyncio.run(work(address))
    finally:
        shutil.rmtree(place, ignore_errors=True)


async def _measured(address: str) -> Numbers:
    make = partial(Docker, base_url=address)
    bench = Bench(make=make, spec=RUNSC, base_url=address, cli=("docker", "--host", address), name="sandbox.runsc")
    return {**await execs(bench), **await leases(bench)}


async def _refused(address: str) -> Numbers:
    """An old one: what a lease of it says."""
    backend = Docker(base_url=address)
    try:
        await backend.lease(RUNSC)
    except Refused as refusal:
        return {"sandbox.runsc_2022.refused": refusal.message}
    finally:
        await backend.close()
    return {"sandbox.runsc_2022.refused": ""}
