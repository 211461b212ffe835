"""Commands that run the same tests under pytest, for acceptance commands that use another runner. Pure but for stat."""

from __future__ import annotations

import shlex
from pathlib import Path

_RUN = "python3 -m pytest -q -o python_files='test*.py *_test.py *tests.py'"


def vehicles(command: str, root: Path) -> list[str]:
    """The most specific first: the files, folders and dotted modules that the command names; then everything."""
    try:
        words = shlex.split(command)
    except ValueError:
        words = []
    named = [place for word in words if (place := _place(word, root))]
    return [f"{_RUN} {shlex.join(named)}", _RUN] if named else [_RUN]


def _place(word: str, root: Path) -> str:
    """A path of tests that a word of the command stands for; nothing when it is none."""
    if word.startswith("-") or word in (".", "/"):
        return ""
    dotted = word.replace(".", "/")
    for place in (word, f"{dotted}.py", dotted, f"{dotted.rpartition('/')[0]}.py"):
        path = root / place
        if place.strip("./") and ((path.suffix == ".py" and path.is_file()) or (path.is_dir() and "test" in place)):
            return place
    return ""
