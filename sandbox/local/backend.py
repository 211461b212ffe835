"""Local backend, the twin: the same promises kept by plain processes, and no protection at all.

For tests and for machines that are thrown away.
"""

import asyncio
import shutil

from domain import Refused
from sandbox.contract import Check, Spec
from sandbox.local.folder import LocalSandbox


class Local:
    """Leases folders of this machine. Refuses to, unless it is told that this is known to be unsafe."""

    def __init__(self, *, unsafe: bool = False) -> None:
        if not unsafe:
            raise Refused(
                "Commands would run on this machine without any protection.",
                code="unsafe_refused",
                hint="Use Docker (SIGNOFF_SANDBOX=docker); unsafe-local is for tests and throw-away machines.",
            )
        self._open: set[LocalSandbox] = set()

    async def lease(self, spec: Spec, *, run: str = "") -> LocalSandbox:
        """See ``Backend.lease``; the spec's limits are not kept here."""
        del spec, run
        sandbox = LocalSandbox(self._open.discard)
        self._open.add(sandbox)
        return sandbox

    async def check(self, spec: Spec) -> tuple[Check, ...]:
        """See ``Backend.check``."""
        del spec
        git = shutil.which("git")
        return (
            Check(name="isolation", ok=True, detail="NONE: commands run on this machine as you (unsafe-local)"),
            Check(name="sandbox", ok=git is not None, detail=git or "git is missing", hint="Install git."),
        )

    async def close(self) -> None:
        """See ``Backend.close``."""
        await asyncio.gather(*(sandbox.close() for sandbox in tuple(self._open)))
