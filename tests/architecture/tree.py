"""The files of the house, as the tests that keep its law see them."""

import ast
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = (
    "domain",
    "database",
    "sandbox",
    "memory",
    "models",
    "retrieval",
    "risk",
    "approvals",
    "forges",
    "telemetry",
    "tools",
    "nodes",
    "graphs",
    "service",
)
TEXT = {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".sql", ".sh", ".cfg", ".txt", ".lock", ".j2", ""}
_NOT_OURS = {"node_modules", "build", "dist", "__pycache__"}


def files(folder: Path = ROOT, *, suffixes: set[str] | None = None) -> Iterator[Path]:
    """Every file that is ours, hidden folders and what is built left out (``.ci`` is ours)."""
    for path in sorted(folder.iterdir()):
        if path.is_symlink() or path.name in _NOT_OURS or path.name.endswith(".egg-info"):
            continue
        if path.is_dir():
            if not path.name.startswith(".") or path.name == ".ci":
                yield from files(path, suffixes=suffixes)
        elif suffixes is None or path.suffix in suffixes:
            yield path


def modules(*, tests: bool = False) -> list[Path]:
    """The Python files of the rooms; with ``tests`` also those of tests, scripts and benchmarks."""
    folders = [*ROOMS, *(("tests", "scripts", "benchmarks") if tests else ())]
    found = (path for name in folders if (ROOT / name).is_dir() for path in files(ROOT / name, suffixes={".py"}))
    return [path for path in found if "held_out" not in path.parts and "suites" not in path.parts]


def name_of(path: Path) -> str:
    """``nodes/plan.py``, whatever the machine."""
    return path.relative_to(ROOT).as_posix()


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def module_name(path: Path) -> str:
    """``nodes.plan``, or ``nodes`` for its front door."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def allowed(what: str) -> set[str]:
    """An allow-list of ``allowed.toml``. It may only shrink: an entry that is not needed fails a test."""
    with (Path(__file__).parent / "allowed.toml").open("rb") as stream:
        return set(tomllib.load(stream)[what])


def allowed_numbers(what: str) -> dict[str, int]:
    """Numbers of ``allowed.toml`` that may only shrink: how many of something each room still has."""
    with (Path(__file__).parent / "allowed.toml").open("rb") as stream:
        return dict(tomllib.load(stream)[what])
