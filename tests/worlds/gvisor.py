"""Two gVisors: one too old for a present kernel, which must be refused, and one that works. Both from Debian."""

import os
import shutil
import subprocess
from pathlib import Path

NEWER = "trixie"
"""The Debian release whose gVisor runs on present kernels; that of release 12 does not."""


def old_gvisor() -> Path:
    """The distribution's own, installed when it is not there; only root can."""
    found = shutil.which("runsc")
    if found is None:
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "runsc"], check=True)
        found = shutil.which("runsc")
    assert found is not None
    return Path(found)


def newer_gvisor() -> Path:
    """That of a later release, unpacked into the cache: nothing of this machine's own packages changes."""
    cache = Path(os.path.expandvars("$HOME")) / ".cache" / "signoff" / f"gvisor-{NEWER}"
    binary = cache / "usr" / "bin" / "runsc"
    if not binary.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _unpack(cache)
    return binary


def _unpack(cache: Path) -> None:
    """Ask the very mirror that this machine's apt asks."""
    lists = cache / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    told = ["apt-get", "indextargets", "--format", "$(SITE) $(REPO_URI)", "Created-By: Packages", "Component: main"]
    mirrors = subprocess.run(told, check=True, capture_output=True, text=True).stdout.split("\n")
    mirror = next(line.split()[1] for line in mirrors if line.rstrip("/").endswith("/debian"))
    (cache / "sources").write_text(f"deb {mirror} {NEWER} main\n")
    apart = [
        f"Dir::Etc::sourcelist={cache}/sources",
        "Dir::Etc::sourceparts=-",
        f"Dir::State::lists={lists}",
        f"Dir::Cache={cache}",
        "APT::Sandbox::User=root",
    ]
    apt = ["apt-get", "-qq", *(part for option in apart for part in ("-o", option))]
    subprocess.run([*apt, "update"], check=True)
    subprocess.run([*apt, "download", f"runsc/{NEWER}"], check=True, cwd=cache)
    (package,) = cache.glob("runsc_*.deb")
    subprocess.run(["dpkg", "-x", package, cache], check=True)
    shutil.rmtree(lists)
