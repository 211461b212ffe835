"""What runs in a sandbox about its environment: files that the set-up left in the checkout are taken out, and put back.

``python3 -I -S -c SOURCE collect`` ends a set-up; ``… populate`` follows each checkout. Standard library, Python 3.9.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys

ROOT = "/opt/env"
"""Where an environment lies in every sandbox that has one: written by the set-up, read-only afterwards."""
REPO, GIT = "/work/repo", "/work/.signoff/git"
SKIPPED = {"__pycache__", ".git", ".mypy_cache", ".nox", ".pytest_cache", ".ruff_cache", ".tox", "target"}
COPIED_FILES, COPIED_BYTES = 2000, 32 << 20
"""A folder with more is linked and cannot be written to."""


def collect(root: str = ROOT, repo: str = REPO, git: str = GIT) -> None:
    """Move what git does not know out of the checkout, below the root of the environment."""
    told = {"GIT_DIR": git, "GIT_WORK_TREE": repo, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": "/dev/null"}
    words = ["git", "ls-files", "--others", "--directory", "--no-empty-directory", "-z"]
    ran = subprocess.run(words, cwd=repo, env={**os.environ, **told}, stdout=subprocess.PIPE, check=True)
    listed: list[list[str]] = []
    for raw in ran.stdout.split(b"\0"):
        path = os.fsdecode(raw).rstrip("/")
        if not path or SKIPPED & set(path.split("/")):
            continue
        source, target = os.path.join(repo, path), os.path.join(root, "repo", path)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        kind = "link" if os.path.basename(path) == "node_modules" else _kind(source)
        shutil.move(source, target)
        listed.append([kind, path])
    shutil.rmtree(os.path.join(root, ".tools"), ignore_errors=True)
    with open(os.path.join(root, "repo.json"), "w", encoding="utf-8", errors="surrogateescape") as file:
        json.dump(listed, file)


def _kind(source: str) -> str:
    files = size = 0
    for above, folders, names in os.walk(source):
        folders[:] = [name for name in folders if name != "__pycache__"]
        files += len(names)
        size += sum(os.lstat(os.path.join(above, name)).st_size for name in names)
    return "whole" if files > COPIED_FILES or size > COPIED_BYTES else "copy"


def populate(root: str = ROOT, repo: str = REPO, git: str = GIT) -> None:
    """Put into a checkout what the set-up left in its own, where nothing is."""
    try:
        with open(os.path.join(root, "repo.json"), encoding="utf-8", errors="surrogateescape") as file:
            listed = json.load(file)
    except FileNotFoundError:
        return
    put: list[str] = []
    for kind, path in listed:
        source, target = os.path.join(root, "repo", path), os.path.join(repo, path)
        above = os.path.dirname(target)
        if ".." in path.split("/") or ".git" in path.split("/") or os.path.isabs(path):
            continue
        os.makedirs(above, exist_ok=True)
        if os.path.realpath(above) != above:
            continue  # a link on the way: the file belongs elsewhere now
        put.append(path)
        if kind == "link":
            _linked(source, target)
        elif not os.path.lexists(target):
            _placed(kind, source, target)
    # What is put here is nothing that somebody left behind.
    for folder in (git, os.path.join(repo, ".git")):
        if os.path.isdir(os.path.join(folder, "info")):
            with open(os.path.join(folder, "info", "exclude"), "w", encoding="utf-8", errors="surrogateescape") as file:
                file.writelines("/" + path + "\n" for path in put if "\n" not in path)


def _placed(kind: str, source: str, target: str) -> None:
    if kind == "whole":
        os.symlink(source, target)
    elif os.path.isdir(source) and not os.path.islink(source):
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def _linked(source: str, target: str) -> None:
    """Make a folder that can be written to, whose entries are links; those that are links already stay as they are."""
    os.makedirs(target, exist_ok=True)
    for entry in os.scandir(source):
        place = os.path.join(target, entry.name)
        if not os.path.lexists(place):
            os.symlink(os.readlink(entry.path) if entry.is_symlink() else entry.path, place)


if __name__ == "__main__":
    {"collect": collect, "populate": populate}[sys.argv[1]]()
