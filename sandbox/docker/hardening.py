"""Hardening flags of a container. Pure: ``Spec`` in, the body of Docker's create request out (B4).

Nothing is inherited from the engine's defaults that we would not choose: who one is, what one may
call, where one may write, whom one may see, and how much of everything there is.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sandbox.contract import Spec
from sandbox.inside import BOOT
from sandbox.inside.environment import ROOT
from sandbox.paths import system_path

UID: Final = 10_001
LABEL: Final = "signoff.sandbox"
"""Every container of ours carries it: the sweep at start finds what a dead orchestrator left."""
RUNTIMES: Final = ("runc", "runsc", "kata")
"""What a spec may ask for; the first is meant where it asks for nothing."""
_MB: Final = 1 << 20
_HUGE: Final = 1 << 30

_SEALED: Final[Mapping[str, Any]] = {
    "AutoRemove": True,
    "NetworkMode": "none",
    "IpcMode": "private",
    # Its own group is the root it sees, so that nothing of the host's hierarchy is.
    "CgroupnsMode": "private",
    "PidMode": "",
    "UTSMode": "",
    "Privileged": False,
    "CapAdd": [],
    "CapDrop": ["ALL"],
    "ReadonlyRootfs": True,
    # Nothing of the host is mounted: files come and go through PID 1.
    "Binds": [],
    "Devices": [],
    "LogConfig": {"Type": "none", "Config": {}},  # 57 MB of short lines became 2 GB of json on the host
    "OomKillDisable": False,
}
"""The same for every sandbox, whatever its spec says."""


def runtime_of(spec: Spec) -> str:
    """The engine's name of the runtime that a spec asks for."""
    return spec.runtime or RUNTIMES[0]


def create_body(
    spec: Spec,
    *,
    image: str,
    path: str = "",
    seccomp: Mapping[str, Any] | Path | None,
    apparmor: str = "",
    labels: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the body of ``POST /containers/create``.

    Args:
        spec: what is wanted.
        image: digest of the image, so that a moved tag changes nothing between check and start.
        path: where it says that programs are.
        seccomp: the profile, or where it lies; replaces the engine's own. None: it is known that the engine has none.
        apparmor: name of a loaded profile, or empty where the host has no AppArmor.
        labels: more labels, such as the orchestrator's id.
    """
    limits, security = spec.limits, ["no-new-privileges:true", *([f"apparmor={apparmor}"] if apparmor else [])]
    if seccomp is not None:
        security.append(f"seccomp={seccomp if isinstance(seccomp, Path) else json.dumps(seccomp)}")
    # ``exec``, for what is built there has to run; it changes nobody's identity and stands for no device.
    owner = f"rw,exec,nosuid,nodev,uid={UID},gid={UID},nr_inodes={limits.inodes}"
    ulimits = {"nofile": limits.files, "core": 0, "fsize": min(limits.file_mb * _MB, _HUGE * _HUGE)}
    host: dict[str, Any] = {
        **_SEALED,
        "Runtime": runtime_of(spec),
        "SecurityOpt": security,
        "Tmpfs": {
            "/work": f"{owner},mode=0755,size={limits.work_mb}m",
            "/tmp": f"{owner},mode=1777,size={limits.tmp_mb}m",  # noqa: S108  its own
            **({ROOT: f"{owner},mode=0755,size={limits.layer_mb}m"} if limits.layer_mb else {}),
        },
        "Memory": limits.memory_mb * _MB,
        "MemorySwap": limits.memory_mb * _MB,  # the same number: no swap on top
        "NanoCpus": int(limits.cpus * 1e9),
        "PidsLimit": limits.pids,
        "ShmSize": 16 * _MB,
        "Ulimits": [{"Name": name, "Soft": most, "Hard": most} for name, most in ulimits.items()],
    }
    return {
        "Image": image,
        "Env": [f"PATH={system_path(path)}", "LD_LIBRARY_PATH="] if ROOT in path else [],
        "Entrypoint": ["python3"],
        "Cmd": ["-I", "-S", "-c", BOOT],  # isolated, without ``site``: nothing of the image decides what PID 1 loads
        "User": f"{UID}:{UID}",
        "WorkingDir": "/",
        "Hostname": "sandbox",
        "Labels": {LABEL: "1", **(labels or {})},
        "OpenStdin": True,
        "StdinOnce": True,  # the container ends when its orchestrator does
        "AttachStdin": True,
        "AttachStdout": True,
        "AttachStderr": True,
        "Tty": False,
        "NetworkDisabled": True,
        "Healthcheck": {"Test": ["NONE"]},  # an image may bring one, which the engine would run beside our commands
        "HostConfig": host,
    }
