"""Acceptance command: what proves that a repository works, from its file names and a few manifests. Pure."""

import re
import shlex
from collections.abc import Callable, Mapping, Sequence

from domain.text.untrusted import json_value

__all__ = ["MANIFESTS", "below", "environment", "find_acceptance", "pytest_command", "run_in"]

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


def make_command(_: Sequence[str], manifests: Manifests) -> str | None:
    # The order in which make itself looks for its file.
    for name in ("GNUmakefile", "makefile", "Makefile"):
        if target := _MAKE_TEST.search(manifests.get(name, "")):
            return f"make {target[1]}"
    return None


# The most specific first: a Makefile mostly calls one of the others, with more around it.
_FINDERS: tuple[Callable[[Sequence[str], Manifests], str | None], ...] = (
    pytest_command,
    npm_command,
    cargo_command,
    go_command,
    make_command,
)


def find_acceptance(paths: Sequence[str], manifests: Manifests) -> str | None:
    """Return the first command that fits, in the order pytest, npm, cargo, go, make; None when none does."""
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
