"""Isolation that an engine offers, from what it says about itself, and what is missing. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

from sandbox.contract import Check, Spec
from sandbox.docker.hardening import runtime_of

_LIMITS: Final = (("MemoryLimit", "memory"), ("PidsLimit", "processes"))
_CPU: Final = ("CpuCfsQuota", "CPUCfsQuota")
_PATCHED: Final = ((1, 2, 8), (1, 3, 3))
"""runc releases with the fixes for CVE-2025-31133, CVE-2025-52565 and CVE-2025-52881; 1.4 has them."""
_STRONGER: Final = "Set SIGNOFF_SANDBOX_RUNTIME=runsc (gVisor) or kata where kernel bugs matter to you."


def gaps(info: Mapping[str, Any]) -> tuple[str, ...]:
    """Name what an engine lacks that no sandbox of ours should be without; empty when it has everything.

    Args:
        info: the engine's answer to ``GET /info``.
    """
    missing = [] if "seccomp" in _options(info) else ["system calls are not filtered (no seccomp)"]
    # Only a clear no counts: an engine that leaves a key out says nothing.
    missing += [f"{what} cannot be limited" for key, what in _LIMITS if info.get(key) is False]
    if any(info.get(key) is False for key in _CPU):
        missing.append("processor time cannot be limited")
    # Podman says all the same that it limits them, and then ignores what it is asked for.
    if info.get("Rootless") is True and str(info.get("CgroupVersion", "")) == "1":
        missing.append("memory, processes and processor time cannot be limited (rootless needs cgroup v2)")
    return tuple(missing)


def is_podman(info: Mapping[str, Any]) -> bool:
    """Tell Podman from Docker, whose API it speaks: it takes a seccomp profile by its path, Docker takes its text.

    Neither understands the other's form (podman's issue 27710).
    """
    return "BuildahVersion" in info


def isolation(spec: Spec, info: Mapping[str, Any]) -> tuple[Check, ...]:
    """Say which isolation is in force, what is missing, and what could be better."""
    known = runtime_of(spec) in info.get("Runtimes", {})
    options = f"{_options(info)} {'rootless' if info.get('Rootless') is True else ''}"
    extra = [name for name in ("apparmor", "selinux", "rootless", "userns") if name in options]
    in_force = ", ".join([runtime_of(spec), *extra, *(["Podman"] if is_podman(info) else [])])
    missing = gaps(info)
    old = str(info.get("CgroupVersion", "1")) == "1"
    own_root = runtime_of(spec) == "runc" and not ("rootless" in extra or "userns" in extra)
    return (
        Check(
            name="isolation",
            ok=known,
            detail=in_force if known else f"{runtime_of(spec)} is not among {sorted(info.get('Runtimes', {}))}",
            hint="Register the runtime with the engine, or set SIGNOFF_SANDBOX_RUNTIME=runc.",
        ),
        Check(
            name="hardening",
            ok=not missing,
            detail="; ".join(missing) or "own seccomp profile, memory, CPU, PIDs",
            hint="Use an engine and a kernel with it; Signoff does not start without (SIGNOFF_SANDBOX_UNHARDENED).",
        ),
        Check(
            name="cgroup",
            ok=not old,
            needed=False,
            detail="v1" if old else "v2",
            hint="With v2 the kernel kills a whole group at once and counts memory better.",
        ),
        Check(
            name="swap",
            ok=info.get("SwapLimit") is not False,
            needed=False,
            detail="limited with memory" if info.get("SwapLimit") is not False else "not limited",
            hint="Boot with swapaccount=1, or without swap: a hog may use it up.",
        ),
        Check(
            name="user namespace",
            ok=not own_root,
            needed=False,
            detail="root of the engine is root of the host" if own_root else "of its own",
            hint=f"Run the engine rootless or with userns-remap. {_STRONGER}",
        ),
    )


def patched(version: str) -> bool | None:
    """Tell whether a runc release has the fixes of November 2025; None when the version cannot be read."""
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    if match is None:
        return None
    number = (int(match[1]), int(match[2]), int(match[3]))
    return number >= (1, 4, 0) or any(number[:2] == fixed[:2] and number >= fixed for fixed in _PATCHED)


def runc_version(version: Mapping[str, Any]) -> str:
    """Return the runc release from the engine's answer to ``GET /version``; empty when it is not told."""
    parts = {str(part.get("Name")): str(part.get("Version", "")) for part in version.get("Components") or ()}
    return parts.get("runc", "")


def runc_check(version: Mapping[str, Any]) -> Check:
    """Look at the age of runc. Ours is advice: distributions mend old releases without a new number."""
    release = runc_version(version)
    return Check(
        name="runc",
        ok=patched(release) is True,
        needed=False,
        detail=release or "version not told",
        hint="Older than 1.2.8/1.3.3, which close CVE-2025-31133, -52565 and -52881; look whether your "
        "distribution has mended it. They need a hand in the image or in mounts, which no command has here.",
    )


def _options(info: Mapping[str, Any]) -> str:
    return " ".join(info.get("SecurityOptions") or ())
