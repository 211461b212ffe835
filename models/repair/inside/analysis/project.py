"""Source files of the project that may hold the bug, and drafts: what differs between one and its changed text."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

from .overrides import read
from .source import Code
from .wire import Message

_SKIPPED = frozenset(
    (
        ".git",
        ".hg",
        ".tox",
        ".nox",
        ".venv",
        "venv",
        "env",
        "node_modules",
        "__pycache__",
        "site-packages",
        "build",
        "dist",
        ".eggs",
        "docs",
        "doc",
        "examples",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".hypothesis",
    )
)
_TEST = re.compile(r"(^|/)(tests?|testing)/|(^|/)(test_[^/]*|[^/]*_test|tests|conftest|setup|noxfile)\.py$")
_MAX_BYTES = 400_000
_MAX_FILES = 4_000

Drafts = dict[str, str]
"""Changed files: real path → whole new text."""


def sources(root: Path, tests: set[str]) -> list[str]:
    """Real paths of the Python files that may hold the bug: not tests, not installed packages.

    A folder that is passed over by its name (``examples``) is looked into where the tests lie in it themselves.
    """
    paths: list[str] = []
    within = {str(parent) for test in tests for parent in Path(test).parents}
    for folder, names, files in os.walk(root):
        names[:] = sorted(
            name
            for name in names
            if not name.endswith(".egg-info")
            and (name not in _SKIPPED or os.path.realpath(Path(folder) / name) in within)
        )
        if "pyvenv.cfg" in files:
            names[:] = []
            continue
        for name in sorted(files):
            path = os.path.realpath(Path(folder) / name)
            if name.endswith(".py") and path not in tests and not _TEST.search(os.path.relpath(path, root)):
                paths.append(path)
        if len(paths) > _MAX_FILES:
            break
    return paths


class Files:
    """Parsed originals, and how a draft differs from them."""

    def __init__(self) -> None:
        self._codes: dict[str, Code] = {}

    def code(self, path: str) -> Code:
        """The parsed file. Raises SyntaxError, ValueError or OSError when it cannot be read."""
        if path not in self._codes:
            if Path(path).stat().st_size > _MAX_BYTES:
                raise ValueError(f"{path} is too large")
            self._codes[path] = Code(path, read(path))
        return self._codes[path]

    def patch(self, drafts: Drafts) -> list[Message]:
        """What a host needs to run the drafts: for each file the top-level statements that differ."""
        parts: list[Message] = []
        for path, text in drafts.items():
            code = self.code(path)
            start, end, _ = hull(code.text, text)
            piece = code.piece(start, end)
            old = code.text[piece.start : piece.end]
            new = text[piece.start : piece.end + len(text) - len(code.text)]
            parts.append(
                {
                    "path": path,
                    "at": piece.start,
                    "line": piece.line,
                    "heads": piece.heads,
                    "old": old,
                    "new": new,
                    "future": code.future,
                    "size": len(code.text),
                }
            )
        return parts


def hull(old: str, new: str) -> tuple[int, int, int]:
    """The smallest range that differs: start, its end in ``old``, its end in ``new``."""
    most = min(len(old), len(new))
    start = _longest(most, lambda low, high: old[low:high] == new[low:high])
    m, n = len(old), len(new)
    tail = _longest(most - start, lambda low, high: old[m - high : m - low] == new[n - high : n - low])
    return start, m - tail, n - tail


def _longest(most: int, same: Callable[[int, int], bool]) -> int:
    """The length up to which everything is the same; ``same`` compares one stretch."""
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if same(low, middle):
            low = middle
        else:
            high = middle - 1
    return low
