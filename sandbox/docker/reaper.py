"""Reaper of what dead orchestrators left, should the engine not have done so itself.

A container ends with its orchestrator (``StdinOnce``) and is then removed (``AutoRemove``). What is
left for a sweep: one that was made and never started, and what an engine missed that was down itself.
"""

import contextlib
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import docker
from docker.errors import APIError, NotFound

from domain import value
from sandbox.docker.hardening import LABEL

OWNER = f"{LABEL}.owner"
_GRACE_S = 60.0
"""A container that is not running may be about to be started by its orchestrator."""


def owner() -> str:
    """Name this process so that others can tell whether it still lives: machine, namespace, number, start."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return f"{boot}/{Path('/proc/self/ns/pid').readlink()}/{os.getpid()}/{_started(os.getpid())}"


@value
class HeldContainer:
    """A container of a sandbox on the engine."""

    name: str
    run: str
    """Empty: it is kept ready, or was."""
    state: str
    """As the engine says: created, running, exited …"""
    age_s: float
    owner: Literal["ours", "others", "abandoned"]
    """``others``: of a process that lives, or of one that this machine cannot see."""


def held(api: docker.APIClient, me: str, *, now: float) -> tuple[HeldContainer, ...]:
    """List every container of a sandbox, whoever made it. Blocks."""
    listed = api.containers(all=True, filters={"label": LABEL})
    return tuple(
        HeldContainer(
            name=each["Names"][0].lstrip("/"),
            run=each["Labels"].get(f"{LABEL}.run", ""),
            state=each["State"],
            age_s=max(0.0, now - each["Created"]),
            owner="ours"
            if each["Labels"].get(OWNER) == me
            else "abandoned"
            if abandoned(each, me, now=now)
            else "others",
        )
        for each in listed
    )


def release(api: docker.APIClient, names: Sequence[str]) -> None:
    """Kill and remove containers; one that is gone already is fine. Blocks."""
    for name in names:
        with contextlib.suppress(NotFound):
            api.remove_container(name, force=True)


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
