"""A Docker engine of our own with gVisor, beside the one that is there: own socket, own data, no network."""

import json
import subprocess
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

READY_S = 60


@contextmanager
def engine_with_gvisor(place: Path, image: str, runsc: Path) -> Generator[str]:
    """Start the engine with this gVisor, load the image into it, and give its address."""
    runtime = {"path": str(runsc), "runtimeArgs": ["--network=none"]}
    (place / "daemon.json").write_text(json.dumps({"runtimes": {"runsc": runtime}}))
    address = f"unix://{place}/docker.sock"
    folders = [f"--{name}={place}/{name}" for name in ("data-root", "exec-root", "pidfile")]
    bridge = ["--bridge=none", "--iptables=false", "--ip6tables=false"]
    with (place / "log").open("wb") as log:
        # In a network of its own: an engine without a bridge removes docker0, which is the other engine's.
        engine = subprocess.Popen(
            [
                "unshare",
                "--net",
                "dockerd",
                f"--config-file={place}/daemon.json",
                f"--host={address}",
                *folders,
                *bridge,
            ],
            stdout=log,
            stderr=log,
        )
    try:
        _ready(address, place / "log")
        subprocess.run(f"docker save {image} | docker --host {address} load", shell=True, check=True)  # noqa: S602
        yield address
    finally:
        engine.terminate()
        engine.wait(30)


def _ready(address: str, log: Path) -> None:
    for _ in range(READY_S * 5):
        if subprocess.run(["docker", "--host", address, "version"], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.2)
    raise AssertionError(log.read_text()[-2_000:])
