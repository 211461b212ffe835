"""Self-check of a host, ``signoff sandbox check``: preflight, promises, attacks, on whichever backend protects."""

import contextlib
from collections.abc import AsyncGenerator
from dataclasses import replace

from domain import Refused, SignoffError
from sandbox.attacks import ATTACKS, OWN_KERNEL, Result, assail
from sandbox.backends import BackendEntry
from sandbox.conformance import PROMISES, Unkept
from sandbox.contract import Backend, Check, Spec
from sandbox.workspace.canary import foreign_repository_canary


async def checkup(entry: BackendEntry, backend: Backend, spec: Spec) -> AsyncGenerator[Check]:
    """Yield one check after the other, as they are done; takes about a minute.

    After a preflight that failed no sandbox is tried.

    Raises:
        Refused: ``unsafe_refused``: there is nothing to test where nothing protects.
    """
    if entry.arena is None:
        raise Refused(
            f"{entry.name} runs commands without any protection: there is nothing to check.",
            code="unsafe_refused",
            hint="Use Docker: SIGNOFF_SANDBOX=docker",
        )
    yield await foreign_repository_canary()
    sound = True
    for check in await backend.check(spec):
        sound = sound and check.passed
        yield check
    if not sound:
        return
    sealed = replace(spec, profile="sealed")
    for promise in PROMISES:
        promised, problem = " ".join((promise.__doc__ or "").split()), None
        try:
            async with contextlib.AsyncExitStack() as stack:
                sandbox = await backend.lease(sealed)
                stack.push_async_callback(sandbox.close)
                await promise(sandbox)
        except (Unkept, SignoffError) as error:
            problem = error
        yield Check(
            name=promise.__name__,
            ok=problem is None,
            detail=promised if problem is None else f"{promised} But: {problem}"[:1_000],
            hint="" if problem is None else "The sandbox is not what Signoff relies on; see docs/threat-model.md.",
        )
    async for result in assail(ATTACKS, entry.arena(backend, sealed)):
        yield judged(result, own_kernel=spec.runtime if spec.runtime in entry.own_kernel else "")


def judged(result: Result, *, own_kernel: str) -> Check:
    """Say whether an outcome is one that a run can live with. ``own_kernel``: the runtime, where it brings one."""
    if result.outcome == "held":
        return Check(name=result.name, ok=True, detail=result.expected)
    if result.outcome == "untried":
        return Check(name=result.name, ok=False, needed=False, detail=f"not tried: {result.detail}")
    if own_kernel and result.name in OWN_KERNEL:
        return Check(name=result.name, ok=False, needed=False, detail=f"{own_kernel}: {OWN_KERNEL[result.name]}")
    return Check(
        name=result.name,
        ok=False,
        detail=f"{result.outcome}: {result.detail}",
        hint="This host does not hold it: do not run what you do not trust. Update the engine, or use gVisor.",
    )
