"""Test discovery: gets a pytest session of the acceptance command, of a wider one, or of another in its place."""

from __future__ import annotations

import os
import re
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .hosts import HostPool

_RUN = "python3 -m pytest -q -o python_files='test*.py *_test.py *tests.py'"


def pytest_commands(command: str, root: Path) -> list[str]:
    """The most specific first: the files, folders and dotted modules that the command names; then everything.

    They run in the folder of a project that the command goes to first: ``cd libs/shop && make test``.
    """
    inner = _INTO.match(command)
    into = f"cd {shlex.quote(inner[1])} && " if inner and (root / inner[1]).is_dir() else ""
    base = root / inner[1] if inner and into else root
    try:
        words = shlex.split(command[inner.end() :] if inner and into else command)
    except ValueError:
        words = []
    named = [place for word in words if (place := tests_place(word, base))]
    return [f"{into}{_RUN} {shlex.join(named)}", f"{into}{_RUN}"] if named else [f"{into}{_RUN}"]


def tests_place(word: str, root: Path) -> str:
    """A path of tests that a word of the command stands for; nothing when it is none."""
    if word.startswith("-") or word in (".", "/"):
        return ""
    dotted = word.replace(".", "/")
    for place in (word, f"{dotted}.py", dotted, f"{dotted.rpartition('/')[0]}.py"):
        path = root / place
        if not place.strip("./"):
            continue  # ``..`` and the like name no tests
        if path.suffix == ".py" and path.is_file():
            return place
        if path.is_dir() and ("test" in place or any(path.glob("test*.py")) or any(path.glob("*/test*.py"))):
            return place
    return ""


_INTO = re.compile(r"\s*cd\s+([\w./-]+)\s*&&\s*")
_SHARE = 0.4
_MISSING = re.compile(r"ModuleNotFoundError: No module named '([\w.]+)'")
_MISMATCH = re.compile(
    r"import file mismatch:\s+imported module .* has this __file__ attribute:\s+(\S+)\s+which is not"
    r" the same as the test file we want to collect:\s+(\S+)"
)
_UNKNOWN = re.compile(r"unrecognized arguments: (.+)")


class Refusal(Exception):
    """The search cannot start or found nothing; ``code`` says which."""

    def __init__(self, code: str, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.code, self.facts = code, facts


@dataclass(frozen=True)
class NamedTests:
    """The tests that a command names by ``file::test``; none named means that all are wanted."""

    names: tuple[tuple[str, str], ...] = ()
    """Real path of the file (its end, where the command goes to another folder first), and what stands behind it."""

    def __contains__(self, test: tuple[str, str]) -> bool:
        """Whether a test (id, real path of its file) is one of them."""
        name, file = test
        inner = name.partition("::")[2]
        return not self.names or any(
            (file == path or file.endswith(path)) and (inner == named or inner.startswith((f"{named}[", f"{named}::")))
            for path, named in self.names
        )


def widened(command: str, root: Path) -> tuple[str, NamedTests]:
    """The command with whole files in place of single tests, and those tests. Pure but for ``realpath``.

    The other tests of the files guard against repairs that only please the one that is named.
    """
    if "::" not in command:
        return command, NamedTests()
    names: list[tuple[str, str]] = []

    def whole(match: re.Match[str]) -> str:
        file, _, inner = match[2].partition("::")
        path = root / file
        names.append((os.path.realpath(path) if path.exists() else f"{os.sep}{os.path.normpath(file)}", inner))
        return match[1] + shlex.quote(file) + match[1]

    text = re.sub(r"(?<!\S)(['\"]?)([^\s'\"]+\.py::(?:\[[^\]]*\]|[^\s'\"])+)\1(?!\S)", whole, command)
    return (text, NamedTests(tuple(names))) if names else (command, NamedTests())


def started(pool: HostPool, command: str, until: float) -> NamedTests:
    """Start the command; when no session of pytest comes of it, one that runs the same tests.

    Raises:
        Refusal: ``no_failing_test``, ``dependency_missing`` or ``no_repair_found``.
    """
    patience = (until - time.monotonic()) * _SHARE
    wide, named = widened(command, pool.root)
    status, output = pool.start(wide, patience)
    # The other tests of a file may not even be collected: then the command as it was written.
    if status is not None and wide != command:
        named = NamedTests()
        status, output = pool.start(command, patience)
    if status == 0:
        raise Refusal("no_failing_test", "The acceptance command passes already.")
    if status is not None:
        lacking(output, pool.root)
    for substitute in pytest_commands(command, pool.root) if status is not None else ():
        status, _ = pool.start(substitute, patience)
        if status is None:
            break
    if status is not None:
        message = f"The acceptance command starts no tests that can be searched: {output[-500:]}"
        raise Refusal("no_repair_found", message)
    return named


def lacking(output: str, root: Path) -> None:
    """Raise a Refusal when what was printed says that a package is missing which the repository does not hold."""
    if unknown := _UNKNOWN.search(output):
        message = f"pytest does not know {unknown[1].strip()}: the sandbox lacks a plug-in of the tests."
        raise Refusal("dependency_missing", message)
    folders = (root, root / "src", root / "lib", root / "tests", root / "test")
    for name in dict.fromkeys(_MISSING.findall(output)):
        top = name.partition(".")[0]
        # A module of the repository itself may be missing because of the bug.
        if not any((folder / top).is_dir() or (folder / f"{top}.py").is_file() for folder in folders):
            raise Refusal("dependency_missing", f"The tests need the module {name!r}, which the sandbox does not have.")


def namesakes(output: str) -> None:
    """Raise a Refusal where two files of tests have one name: no edit of the program makes pytest import both."""
    if mismatch := _MISMATCH.search(output):
        one, other = mismatch.groups()
        raise Refusal(
            "no_repair_found",
            f"{one} and {other} are both imported as one module. Give their folders an __init__.py, add"
            " --import-mode=importlib to the options of pytest, or prove each project by a command of its own.",
        )
