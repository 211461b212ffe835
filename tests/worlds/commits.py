"""Real changes of real projects: two releases of a source distribution, and the tests that tell them apart.

They are fetched when a test runs, into a cache outside the tree; ``tests/corpus/commits.toml`` names them by hash.
"""

import tomllib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.sdists import fetched

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

    @property
    def id(self) -> str:
        return f"{self.name}-{self.new}"

    @property
    def accept(self) -> str:
        return f"python3 -m pytest -q -x -p no:cacheprovider {' '.join(self.tests)}"

    @cached_property
    def gold(self) -> dict[str, str]:
        """Texts after the change: all that changes, beside everything that does not."""
        return _texts(fetched(self.name, self.new, self.sha256[1]))

    @cached_property
    def base(self) -> dict[str, str]:
        before = _texts(fetched(self.name, self.old, self.sha256[0]))
        if self.given:
            before |= {path: text for path, text in self.gold.items() if is_test(path)}
        return before

    def write_others(self, folder: Path) -> None:
        """Write the files that are no texts in UTF-8 as they are afterwards: an oracle does not write such."""
        root = fetched(self.name, self.new, self.sha256[1])
        for path in _theirs(root):
            name = path.relative_to(root).as_posix()
            if name not in self.gold:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(path.read_bytes())


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


def _texts(root: Path) -> dict[str, str]:
    texts: dict[str, str] = {}
    for path in _theirs(root):
        with suppress(UnicodeDecodeError):
            texts[path.relative_to(root).as_posix()] = path.read_bytes().decode()
    return texts
