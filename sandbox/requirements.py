"""Requirements: which Python packages a project says it needs to be tested. Pure: reads texts, runs nothing."""

import ast
import configparser
import contextlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from domain.text import json_value, python_tree

GROUPS = frozenset(("test", "tests", "testing", "dev", "develop", "development", "ci"))
"""Optional groups that tests usually need."""

_FILE = re.compile(r"(^|/)((dev|test|tests|ci)[-_])?requirements([-_./][\w.-]+)?\.txt$|^requirements/[\w.-]+\.txt$")
_APART = re.compile(r"docs?\b|lint|release|bench", re.IGNORECASE)
_REQUIREMENT = re.compile(r"^[A-Za-z0-9][\w.-]*\s*(\[[\w,\s.-]*\]\s*)?([<>=!~;(].*)?$")
_LONGEST_LINE = 10_000
"""Of TOML: to read a key takes the square of its dots."""
_BLANKS = re.compile(r"(?<=\S)[^\S\n]{8,}")
"""Inside of a line; configparser takes the square of them."""
_MOST_LINES = 4_000
"""Of an INI file: configparser takes the square of the lines that it cannot read."""
_MANIFESTS = ("pyproject.toml", "setup.cfg", "setup.py")


def is_manifest(path: str) -> bool:
    """Tell whether ``requirements`` reads a file of this path, relative to the project."""
    return path in _MANIFESTS or (
        PurePosixPath(path).parts[:-1] in {(), ("requirements",)}
        and bool(_FILE.search(path))
        and not _APART.search(path)
    )


def requirements(manifests: Mapping[str, str]) -> tuple[str, ...]:
    """Return PEP 508 requirements without repetition, from the texts of manifests by path.

    What is no requirement is left out: options, editable installs, addresses, tables of tools that follow no standard.

    Raises:
        ValueError: a manifest cannot be read; the message names it.
    """
    lines_read: list[str] = []
    for path, text in sorted(manifests.items()):
        try:
            if path == "pyproject.toml":
                lines_read += pyproject_requirements(read_toml(text))
            elif path == "setup.cfg":
                lines_read += setup_cfg_requirements(text)
            elif path == "setup.py":
                lines_read += setup_py_requirements(text)
            else:
                lines = text.replace("\\\n", " ").splitlines()
                lines_read += [re.sub(r"(^|\s)#.*|\s--?\w.*", "", line) for line in lines]
        except (ValueError, configparser.Error, AttributeError, TypeError, RecursionError) as error:
            raise ValueError(f"{path}: {error}") from error
    stripped = (each.strip() for each in lines_read)
    # A line break in a requirement would be a line of its own for pip, and could name another index.
    return tuple(dict.fromkeys(each for each in stripped if each.isprintable() and _REQUIREMENT.match(each)))


def declared_packages(manifests: Mapping[str, str]) -> frozenset[str]:
    """Return what manifests name as a package, in no particular order; one that cannot be read names nothing."""
    names: set[str] = set()
    for path, text in manifests.items():
        with contextlib.suppress(ValueError, AttributeError, TypeError):
            if path.endswith("package.json"):
                parsed = json_value(text)
                for key in ("dependencies", "devDependencies", "peerDependencies", "optionalDependencies"):
                    names.update(map(str, parsed.get(key, {})))
            else:
                names.update(requirements({path: text}))
    return frozenset(names)


def pyproject_requirements(parsed: dict[str, Any]) -> Iterator[str]:
    """Of the project, of its optional groups that tests need, and of its dependency groups (PEP 621, PEP 735)."""
    project = parsed.get("project", {})
    yield from project.get("dependencies", [])
    for name, group in project.get("optional-dependencies", {}).items():
        if name.lower() in GROUPS:
            yield from group
    groups = parsed.get("dependency-groups", {})
    for name in groups:
        if name.lower() in GROUPS:
            yield from group_requirements(groups, name)


def group_requirements(groups: Mapping[str, Any], name: str) -> Iterator[str]:
    """The requirements of a dependency group and of those that it includes (PEP 735), each group once."""
    waiting, seen = [name], {name}
    while waiting:  # they may include each other at will
        for entry in groups.get(waiting.pop(), ()):
            if isinstance(entry, str):
                yield entry
            elif (included := entry.get("include-group", "")) not in seen:
                seen.add(included)
                waiting.append(included)


def read_toml(text: str) -> dict[str, Any]:
    """Parse TOML in time that grows with its length. Raises ``ValueError``, also for a line that is too long."""
    if any(len(line) > _LONGEST_LINE for line in text.splitlines()):
        raise ValueError(f"a line has more than {_LONGEST_LINE:,} characters")
    return tomllib.loads(text)


def read_ini(text: str, *, strict: bool = True) -> configparser.ConfigParser:
    """Parse an INI file in time that grows with its length. Raises ``ValueError`` for too many lines.

    Args:
        strict: sections and options that occur twice are errors, as for setuptools.
    """
    if text.count("\n") > _MOST_LINES:
        raise ValueError(f"it has more than {_MOST_LINES:,} lines")
    # No interpolation: a ``%`` in a version would be an error, and a value could name any other.
    parsed = configparser.ConfigParser(interpolation=None, strict=strict)
    parsed.read_string(_BLANKS.sub(" ", text))
    return parsed


def setup_cfg_requirements(text: str) -> Iterator[str]:
    """What a setup.cfg says for setuptools. Raises ``ValueError`` for one that is too long to be read."""
    parsed = read_ini(text)
    yield from parsed.get("options", "install_requires", fallback="").splitlines()
    if parsed.has_section("options.extras_require"):
        for name, lines in parsed.items("options.extras_require"):
            if name.lower() in GROUPS:
                yield from lines.splitlines()


def setup_py_requirements(text: str) -> Iterator[str]:
    """What the call of ``setup`` gives as literals; a program is not run to learn more."""
    tree = python_tree(text)
    if tree is None:
        raise ValueError("it is no Python, or nested too deeply")
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg in {"install_requires", "tests_require", "extras_require"}:
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                continue
            if isinstance(value, dict):
                value = [each for name, entries in value.items() if str(name).lower() in GROUPS for each in entries]
            yield from (
                each for each in (value.splitlines() if isinstance(value, str) else value) if isinstance(each, str)
            )
