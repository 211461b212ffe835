"""Acceptance command: what proves that a repository works, from its file names and a few manifests. Pure."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence

from domain.evidence import CommandRun, TestReport
from domain.text.untrusted import json_value

__all__ = [
    "MANIFESTS",
    "below",
    "environment",
    "find_acceptance",
    "narrowed",
    "package_named",
    "pytest_command",
    "run_in",
    "seconds_after",
]

Manifests = Mapping[str, str]
"""Path → text of the files named in ``MANIFESTS`` that exist at the top of the repository."""

MANIFESTS = (
    "package.json",
    "pyproject.toml",
    "setup.cfg",
    "tox.ini",
    "pytest.ini",
    "Cargo.toml",
    "go.mod",
    "pom.xml",
    "Makefile",
    "makefile",
    "GNUmakefile",
)

_TEST_FILE = re.compile(r"(^|/)(test_[^/]*|[^/]*_test)\.py$")
# ``test := x`` gives a variable its value and is no target.
_MAKE_TEST = re.compile(r"^(test|check)[ \t]*:(?!=)", re.MULTILINE)
# ``npm init`` writes a test that prints this and fails: nothing to judge by.
_NO_TEST = "no test specified"


def pytest_command(paths: Sequence[str], manifests: Manifests) -> str | None:
    configured = "pytest.ini" in manifests or any(
        mark in manifests.get(name, "")
        for name, mark in (("pyproject.toml", "[tool.pytest"), ("setup.cfg", "[tool:pytest]"), ("tox.ini", "[pytest]"))
    )
    # Most projects configure nothing, and pytest runs the cases of unittest, too: files named like tests are enough.
    named = any(_TEST_FILE.search(path) or path.endswith("conftest.py") for path in paths)
    return "python3 -m pytest -q" if configured or named else None


def npm_command(_: Sequence[str], manifests: Manifests) -> str | None:
    try:
        script = json_value(manifests.get("package.json", "{}")).get("scripts", {}).get("test", "")
    except (ValueError, AttributeError):
        return None
    return "npm test --silent" if script and isinstance(script, str) and _NO_TEST not in script else None


def cargo_command(_: Sequence[str], manifests: Manifests) -> str | None:
    return "cargo test --quiet" if "Cargo.toml" in manifests else None


def go_command(_: Sequence[str], manifests: Manifests) -> str | None:
    return "go test ./..." if "go.mod" in manifests else None


def maven_command(_: Sequence[str], manifests: Manifests) -> str | None:
    return "mvn --batch-mode test" if "pom.xml" in manifests else None


def make_command(_: Sequence[str], manifests: Manifests) -> str | None:
    # The order in which make itself looks for its file.
    for name in ("GNUmakefile", "makefile", "Makefile"):
        if target := _MAKE_TEST.search(manifests.get(name, "")):
            return f"make {target[1]}"
    return None


LEAST_SECONDS = 600.0
SLOW_SECONDS = 60.0
"""A suite that takes less is run whole each time: it shows more than the tests that failed."""
MOST_NARROWED = 20
_PACKAGES = frozenset(("package.json", "pyproject.toml", "setup.py", "setup.cfg", "Cargo.toml", "go.mod", "pom.xml"))
_PLAIN_PYTEST = re.compile(r"(?:python3? -m )?pytest(?: -{1,2}[\w-]{1,40}(?:=[\w./-]{1,80})?){0,8}")
_PLACE = re.compile(r"[\w.@+-]{1,100}(?:/[\w.@+-]{1,100}){0,20}")

# The most specific first: a Makefile mostly calls one of the others, with more around it.
_FINDERS: tuple[Callable[[Sequence[str], Manifests], str | None], ...] = (
    pytest_command,
    npm_command,
    cargo_command,
    go_command,
    maven_command,
    make_command,
)


def find_acceptance(paths: Sequence[str], manifests: Manifests) -> str | None:
    """Return the first command that fits, in the order pytest, npm, cargo, go, maven, make; None when none does."""
    return next((command for find in _FINDERS if (command := find(paths, manifests))), None)


def environment(paths: Sequence[str], root: str) -> dict[str, str]:
    """Variables that let an uninstalled checkout at ``root`` be tested as it lies there."""
    if not any(path.endswith(".py") for path in paths):
        return {}
    parts = [f"{root}/src"] if any(path.startswith("src/") for path in paths) else []
    return {
        "PYTHONPATH": ":".join([*parts, root]),
        # Compiled files would lie in the workspace after every run.
        "PYTHONDONTWRITEBYTECODE": "1",
        # pytest-asyncio, which our image has whether or not the project knows it, warns of a setting that is not made:
        # an error for every project whose warnings are errors. Filters of the command line come after the project's.
        "PYTEST_ADDOPTS": "-W 'ignore:The configuration option:pytest.PytestDeprecationWarning'",
    }


def below(paths: Sequence[str], folder: str) -> tuple[str, ...]:
    """Return the paths that lie in ``folder``, relative to it; all of them when it is empty."""
    return (
        tuple(path.removeprefix(f"{folder}/") for path in paths if path.startswith(f"{folder}/"))
        if folder
        else tuple(paths)
    )


def run_in(command: str, folder: str, paths: Sequence[str]) -> str:
    """Return the shell command that runs ``command`` in ``folder`` of the repository, whose files there are ``paths``.

    An uninstalled package in ``src`` is importable there, as ``environment`` makes it at the top.
    """
    if not folder:
        return command
    source = any(path.startswith("src/") and path.endswith(".py") for path in paths)
    variables = 'PYTHONPATH="$PWD/src:$PWD:$PYTHONPATH" ' if source else ""
    return f"cd {shlex.quote(folder)} && {variables}{command}"


def seconds_after(baseline: CommandRun) -> float:
    """How long a later run of the acceptance command may take: three times what it took before the change.

    Ten minutes at least. One that did not come to its end gets no more than it had.
    """
    took = baseline.duration_ms / 1_000
    return max(LEAST_SECONDS, took if baseline.ended == "timeout" else 3 * took)


def narrowed(command: str, baseline: CommandRun, report: TestReport | None) -> str:
    """Return the narrowest command that shows the failure of a slow suite; the whole one where that is not known.

    It is for the rounds of a coder. What is proved in the end, the whole command proves.
    """
    slow = baseline.ended == "exit" and not baseline.ok and baseline.duration_ms >= SLOW_SECONDS * 1_000
    if not slow or report is None or not _PLAIN_PYTEST.fullmatch(command):
        return command
    names = sorted({case.id for case in report.cases})
    named = report.runner == "pytest" and len(report.cases) == report.failed + report.errors
    if not named or not 0 < len(names) <= MOST_NARROWED:
        return command
    return f"{command} {' '.join(shlex.quote(name) for name in names)}"


def package_named(text: str, paths: Sequence[str]) -> str:
    """Return the folder of the one package of a repository with several that a task names; empty: none, or more."""
    folders = {path.rpartition("/")[0] for path in paths if path.rpartition("/")[2] in _PACKAGES and "/" in path}
    named = {folder for word in _PLACE.findall(text[:20_000]) for folder in _above(word) if folder in folders}
    # Of a package and what lies in it the inner one is meant.
    inner = {each for each in named if not any(other.startswith(f"{each}/") for other in named)}
    return inner.pop() if len(inner) == 1 else ""


def _above(place: str) -> Iterator[str]:
    """A place and every folder around it."""
    parts = place.strip(".").split("/")
    yield from ("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
