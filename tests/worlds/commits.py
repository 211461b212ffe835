"""Real changes of real projects: two releases of a source distribution, and the tests that tell them apart.

They are fetched when a test runs, into a cache outside the tree; ``tests/corpus/commits.toml`` names them by hash.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.sdists import fetched
from domain.text import decoded
from tests.worlds.house import git

_LIST = Path(__file__).parents[1] / "corpus" / "commits.toml"
_LARGEST = 1_000_000
"""Bytes of a file."""
_NOT_THEIRS = (".egg-info", "PKG-INFO", "__pycache__", ".pyc", ".idea/")
"""Made by building a distribution or by an editor: no part of what people wrote."""


@dataclass(frozen=True)
class RealCommit:
    """The way from one release to the next."""

    name: str
    old: str
    new: str
    sha256: tuple[str, str]
    tests: tuple[str, ...]
    """Fail on the old sources with the new tests, pass on the new ones."""
    given: bool
    """The repository has the new tests already, and they fail."""
    only: tuple[str, ...] = ()
    """The files whose change is the task, the others are new already; empty: all."""

    @property
    def id(self) -> str:
        return f"{self.name}-{self.new}"

    @property
    def accept(self) -> str:
        return f"python3 -m pytest -q -x -p no:cacheprovider {' '.join(self.tests)}"

    @cached_property
    def gold(self) -> dict[str, bytes]:
        """The files after the change."""
        return _files(fetched(self.name, self.new, self.sha256[1]))

    @cached_property
    def base(self) -> dict[str, bytes]:
        """The files before it. What is no text is there already: an oracle does not write such."""
        before = _files(fetched(self.name, self.old, self.sha256[0]))
        if self.given:
            before |= {path: data for path, data in self.gold.items() if is_test(path)}
        if self.only:
            before = {**self.gold, **{path: before[path] for path in self.only}}
        before = {path: data for path, data in before.items() if path in self.gold or decoded(data, path) is not None}
        return before | {path: data for path, data in self.gold.items() if decoded(data, path) is None}

    @property
    def texts(self) -> tuple[dict[str, str], dict[str, str]]:
        """The texts before and after it, as they are shown; a new one with the line ends that it has."""
        before = {path: file.view for path, data in self.base.items() if (file := decoded(data, path)) is not None}
        after = {
            path: file.view if path in before else file.text
            for path, data in self.gold.items()
            if (file := decoded(data, path)) is not None
        }
        return before, after

    def write(self, folder: Path) -> Path:
        """Write the files as they are before it, into a repository that has all of them, ignored or not."""
        for name, data in self.base.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
        git(folder, "init", "-q", "-b", "main")
        git(folder, "add", "-A", "-f")
        return folder

    def differing(self, folder: Path) -> list[str]:
        """The paths at which a folder is not as it should be afterwards, byte for byte."""
        there = {path: (folder / path).read_bytes() for path in {*self.base, *self.gold} if (folder / path).exists()}
        return sorted(path for path in {*there, *self.gold} if there.get(path) != self.gold.get(path))


def commits() -> list[RealCommit]:
    """What ``commits.toml`` names."""
    return [
        RealCommit(
            name=told["name"],
            old=told["old"],
            new=told["new"],
            sha256=(told["old_sha256"], told["new_sha256"]),
            tests=tuple(told["tests"]),
            given=told.get("given", False),
            only=tuple(told.get("only", ())),
        )
        for told in tomllib.loads(_LIST.read_text(encoding="utf-8"))["commit"]
    ]


def is_test(path: str) -> bool:
    return path.startswith(("test", "tests/")) or "/tests/" in path or "/test_" in path


def _theirs(root: Path) -> Iterator[Path]:
    for path in sorted(root.rglob("*")):
        name = path.relative_to(root).as_posix()
        if path.is_file() and path.stat().st_size <= _LARGEST and not any(part in name for part in _NOT_THEIRS):
            yield path


def _files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in _theirs(root)}
