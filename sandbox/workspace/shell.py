"""Shell: one line of it as a command."""

from collections.abc import Mapping
from dataclasses import replace

from domain import CommandRun
from sandbox.contract import Heard, Sandbox
from sandbox.inside.environment import ROOT

PREPARED = f"{ROOT}/services/start"


async def shell(
    sandbox: Sandbox,
    command: str,
    *,
    timeout_s: float,
    env: Mapping[str, str] | None = None,
    heard: Heard | None = None,
) -> CommandRun:
    """Run one line of shell in a sandbox, and show it as the line it is."""
    ran = await sandbox.run(["sh", "-c", _SHELL, command], env=env, timeout_s=timeout_s, heard=heard)
    return replace(ran, command=command)


_SHELL = (
    f"if [ -r {PREPARED} ]; then . {PREPARED}; fi; "
    'if command -v bash >/dev/null; then exec bash -c "$0"; else exec sh -c "$0"; fi'
)
"""Services of the environment first, where it has any: whatever a command started is ended with it."""
