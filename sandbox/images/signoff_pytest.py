"""Pytest plug-in of the sandbox image: it loads the image's own plug-ins for projects that mention them, and no others.

A plug-in that a project does not know changes what its tests see: an option that its conftest wants to add is taken, a
warning is an error, an event loop stays open. It runs under whichever Python the image has (3.9 and newer).
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import pathlib
import shutil
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

GROUP = "signoff.pytest11"
MENTIONED = {
    "asyncio": (b"pytest.mark.asyncio", b"mark.asyncio", b"pytest_asyncio", b"pytest-asyncio", b"asyncio_mode"),
    "timeout": (b"mark.timeout", b"pytest_timeout", b"pytest-timeout", b"--timeout", b"timeout_method"),
}
"""Name of a plug-in → what a project says that knows it."""
_SKIPPED = {"node_modules", "site-packages", "__pycache__", "venv", "build", "dist"}
_SUFFIXES = (".py", ".toml", ".cfg", ".ini", ".txt", ".lock", ".in", ".yml", ".yaml")
_FILES, _BYTES = 4000, 400000


def mentioned(folder: str, words: Sequence[str] = ()) -> list[str]:
    """Names of the plug-ins that the files of a folder, or these words of a command, mention."""
    told = " ".join(words).encode(errors="replace")
    left = {name: marks for name, marks in MENTIONED.items() if not any(mark in told for mark in marks)}
    files = 0
    for above, folders, names in os.walk(folder):
        folders[:] = sorted(each for each in folders if each not in _SKIPPED and not each.startswith("."))
        for name in sorted(names):
            if not left or files >= _FILES:
                return sorted(MENTIONED.keys() - left.keys())
            if name.endswith(_SUFFIXES):
                files += 1
                try:
                    with open(os.path.join(above, name), "rb") as file:
                        text = file.read(_BYTES)
                except OSError:
                    continue
                python = name.endswith(".py")  # a program that says --timeout may have an option of its own
                left = {
                    each: marks
                    for each, marks in left.items()
                    if not any(mark in text for mark in marks if not (python and mark.startswith(b"-")))
                }
    return sorted(MENTIONED.keys() - left.keys())


def pytest_plugin_registered(plugin: object, manager: Any) -> None:
    """When this plug-in is registered itself, load those that are wanted: before pytest reads its configuration."""
    if getattr(plugin, "GROUP", None) == GROUP:
        for name in mentioned(os.getcwd(), sys.argv[1:]):
            manager.load_setuptools_entrypoints(GROUP, name=name)


def install(folder: pathlib.Path, packages: Sequence[str] = ("pytest-asyncio", "pytest-timeout")) -> None:
    """Put this file into a folder of packages, and take the plug-ins of ``packages`` out of pytest's sight."""
    for name in packages:
        found = next(path for path in importlib.metadata.files(name) or () if path.name == "entry_points.txt").locate()
        found = pathlib.Path(found)
        found.write_text(found.read_text().replace("[pytest11]", f"[{GROUP}]"))
    shutil.copy(__file__, folder / "signoff_pytest.py")
    told = folder / "signoff_pytest-1.dist-info"
    told.mkdir(exist_ok=True)
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: signoff-pytest\nVersion: 1\n")
    (told / "entry_points.txt").write_text("[pytest11]\nsignoff = signoff_pytest\n")


if __name__ == "__main__":
    found = importlib.util.find_spec("pytest")
    install(pathlib.Path((found.origin if found else None) or "").parents[1])
