"""Reaper of what dead orchestrators left, should the engine not have done so itself.

A container ends with its orchestrator (``StdinOnce``) and is then removed (``AutoRemove``). What is
left for a sweep: one that was made and never started, and what an engine missed that was down itself.
"""

import contextlib
import os
import time
from pathlib import Path
from typing import Any

import docker
from docker.errors import APIError

from sandbox.docker.hardening import LABEL

OWNER = f"{LABEL}.owner"
_GRACE_S = 60.0
"""A container that is not running may be about to be started by its orchestrator."""


def owner() -> str:
    """Name this process so that others can tell whether it still lives: machine, namespace, number, start."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}/{os.getpid()}/{_started(os.getpid())}"


def sweep(api: docker.APIClient, me: str) -> tuple[str, ...]:
    """Remove what nobody owns any more; return the names. Blocks: call it in a thread."""
    left = [c for c in api.containers(all=True, filters={"label": LABEL}) if abandoned(c, me, now=time.time())]
    for container in left:
        with contextlib.suppress(APIError):  # it went by itself just now
            api.remove_container(container["Id"], force=True)
    return tuple(container["Names"][0].lstrip("/") for container in left)


def abandoned(container: dict[str, Any], me: str, *, now: float) -> bool:
    """Tell whether nobody can use a container any more, by what the engine lists about it."""
    if container["State"] != "running":
        return now - container["Created"] > _GRACE_S
    place, _, number = container["Labels"].get(OWNER, "").rpartition("/")[0].rpartition("/")
    started = container["Labels"].get(OWNER, "").rpartition("/")[2]
    if not number.isdigit() or place != me.rsplit("/", 2)[0]:
        return False  # of another machine or namespace: nobody here can tell
    return _started(int(number)) != started


def _started(pid: int) -> str:
    """When a process started, in ticks since boot; empty when there is none. Numbers are used again, this is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    except OSError:
        return ""
