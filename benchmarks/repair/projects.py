"""Small projects with tests in many styles (fixtures, unittest, doctest, JSON cases, asyncio), broken in many ways."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.repair.case import Case
from domain.change import Hunk

SUITE = Path(__file__).parent / "suites" / "projects"
HELD = frozenset(("gates", "post", "textkit"))
"""Written after the templates; nothing was changed for their sake."""


def cases() -> Iterator[Case]:
    """Every bug of every project; a ``right`` text that is not in its file is an error of the suite."""
    for root in sorted(path for path in SUITE.iterdir() if (path / "bugs.toml").is_file()):
        fields: dict[str, Any] = tomllib.loads((root / "bugs.toml").read_text())
        files = {
            str(path.relative_to(root)): path.read_text()
            for path in sorted(root.rglob("*"))
            if path.is_file() and path.name != "bugs.toml" and "__pycache__" not in path.parts
        }
        hidden = {name: text for name, text in files.items() if name.startswith("hidden/")}
        shown = {name: text for name, text in files.items() if name not in hidden}
        for number, bug in enumerate(fields["bugs"]):
            broken = shown[bug["file"]].replace(bug["right"], bug["wrong"], 1)
            assert broken != shown[bug["file"]], f"{root.name}-{number}: nothing to break"
            yield Case(
                suite="projects",
                name=f"{root.name}-{number}",
                half="held" if root.name in HELD else "tuned",
                files={**shown, bug["file"]: broken},
                hidden=hidden,
                accept=fields["accept"],
                judge=f"{fields['accept']} && python3 -m pytest -q hidden",
                hunks=tuple(Hunk(commit="0" * 40, subject="", **hunk) for hunk in fields.get("history", ())),
                bug=f"{bug['kind']}: {bug['right'].strip()}  →  {bug['wrong'].strip()}",
            )
