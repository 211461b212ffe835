"""Self-check of a host, ``signoff sandbox check``: preflight, promises, attacks."""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace

from domain import SignoffError
from sandbox.attacks import ATTACKS, OWN_KERNEL, Arena, Result, assail
from sandbox.conformance import PROMISES, Promise, Unkept
from sandbox.contract import Check, Limits, Spec
from sandbox.docker.backend import Docker
from sandbox.docker.fault_injector import DockerFaultInjector
from sandbox.workspace.canary import foreign_repository_canary

SMALL = Limits(memory_mb=512, work_mb=64, tmp_mb=32, file_mb=256, inodes=20_000)
"""Limits that attacks reach in seconds; whether they hold does not depend on their size."""


def docker_arena(backend: Docker, spec: Spec) -> Arena:
    """Return an arena on the engine of ``backend``."""
    small = replace(spec, limits=SMALL, profile="sealed")
    return Arena(backend=backend, spec=small, hand=DockerFaultInjector(backend, small), with_egress=backend.like)


async def checkup(backend: Docker, spec: Spec) -> AsyncGenerator[Check]:
    """Yield one check after the other, as they are done; takes about a minute.

    After a preflight that failed no sandbox is tried.
    """
    yield await foreign_repository_canary()
    sound = True
    for check in await backend.check(spec):
        sound = sound and check.passed
        yield check
    if not sound:
        return
    for promise in PROMISES:
        yield await _kept(promise, backend, replace(spec, profile="sealed"))
    async for result in assail(ATTACKS, docker_arena(backend, spec)):
        yield judged(result, spec)


def judged(result: Result, spec: Spec) -> Check:
    """Say whether an outcome is one that a run can live with on this runtime."""
    if result.outcome == "held":
        return Check(name=result.name, ok=True, detail=result.expected)
    if spec.runtime != "runc" and result.name in OWN_KERNEL:
        return Check(name=result.name, ok=False, needed=False, detail=f"{spec.runtime}: {OWN_KERNEL[result.name]}")
    return Check(
        name=result.name,
        ok=False,
        detail=f"{result.outcome}: {result.detail}",
        hint="This host does not hold it: do not run what you do not trust. Update the engine, or use gVisor.",
    )


async def _kept(promise: Promise, backend: Docker, spec: Spec) -> Check:
    told = " ".join((promise.__doc__ or "").split())
    try:
        async with contextlib.AsyncExitStack() as stack:
            sandbox = await backend.lease(spec)
            stack.push_async_callback(sandbox.close)
            await promise(sandbox)
    except (Unkept, SignoffError) as problem:
        hint = "The sandbox is not what Signoff relies on; see docs/threat-model.md."
        return Check(name=promise.__name__, ok=False, detail=f"{told} But: {problem}"[:1_000], hint=hint)
    return Check(name=promise.__name__, ok=True, detail=told)
