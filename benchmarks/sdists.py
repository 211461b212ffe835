"""Source distributions, fetched from the package index into a cache outside the tree."""

import hashlib
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

CACHE = Path.home() / ".cache" / "signoff" / "benchmarks"
LARGEST = 1_000_000
"""Bytes of a file."""


def fetched(name: str, version: str, sha256: str) -> Path:
    """Return the folder of the unpacked source distribution.

    Raises:
        ValueError: the archive is not the one that was measured before.
    """
    target = CACHE / f"{name}-{version}"
    if target.exists():
        return target
    folder = CACHE / f".{name}-{version}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    # An environment that uv made has no pip of its own.
    own = subprocess.run([sys.executable, "-m", "pip", "--version"], check=False, capture_output=True).returncode == 0
    pip = [sys.executable if own else "python3", "-m", "pip"]
    # Back ends that only say what is in an archive may come built.
    options = ["--no-binary", name, "--no-deps", "-d", str(folder), f"{name}=={version}"]
    subprocess.run([*pip, "download", "-q", *options], check=True, timeout=300)
    archive = next(folder.glob("*.tar.gz"))
    if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
        raise ValueError(f"{archive.name} is not the source distribution that was measured before")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    # Renamed when it is whole: what was cut off is fetched again.
    next(each for each in folder.iterdir() if each.is_dir()).rename(target)
    shutil.rmtree(folder)
    return target


def texts(root: Path) -> dict[str, str]:
    """Everything of a source distribution that its tests may need, by path.

    What is no text in UTF-8 survives the way there and back, see ``encoded``.
    """
    return {
        str(path.relative_to(root)): path.read_bytes().decode(errors="surrogateescape")
        for path in sorted(root.rglob("*"))
        if path.is_file() and path.stat().st_size < LARGEST and "docs/" not in str(path.relative_to(root))
    }
