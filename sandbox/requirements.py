"""Which Python packages a project says it needs to be tested. Pure: reads texts, runs nothing."""

import ast
import configparser
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

GROUPS = frozenset(("test", "tests", "testing", "dev", "develop", "development", "ci"))
"""Optional groups that tests usually need."""

_FILE = re.compile(r"(^|/)((dev|test|tests|ci)[-_])?requirements([-_./][\w.-]+)?\.txt$|^requirements/[\w.-]+\.txt$")
_APART = re.compile(r"docs?\b|lint|release|bench", re.IGNORECASE)
_REQUIREMENT = re.compile(r"^[A-Za-z0-9][\w.-]*\s*(\[[\w,\s.-]*\])?\s*([<>=!~;(].*)?$")
_MANIFESTS = ("pyproject.toml", "setup.cfg", "setup.py")


def is_manifest(path: str) -> bool:
    """Tell whether ``requirements`` reads a file of this path, relative to the project."""
    return path in _MANIFESTS or (PurePosixPath(path).parts[:-1] in {(), ("requirements",)}
                                  and bool(_FILE.search(path)) and not _APART.search(path))  # fmt: skip


def requirements(manifests: Mapping[str, str]) -> tuple[str, ...]:
    """Return PEP 508 requirements without repetition, from the texts of manifests by path.

    What is no requirement is left out: options, editable installs, addresses, tables of tools that follow no standard.

    Raises:
        ValueError: a manifest cannot be read; the message names it.
    """
    found: list[str] = []
    for path, text in sorted(manifests.items()):
        try:
            found += _read(path, text)
        except (tomllib.TOMLDecodeError, configparser.Error, SyntaxError, AttributeError, TypeError) as error:
            raise ValueError(f"{path}: {error}") from error
    stripped = (each.strip() for each in found)
    # A line break in a requirement would be a line of its own for pip, and could name another index.
    return tuple(dict.fromkeys(each for each in stripped if each.isprintable() and _REQUIREMENT.match(each)))


def _read(path: str, text: str) -> Iterable[str]:
    if path == "pyproject.toml":
        return _pyproject(tomllib.loads(text))
    if path == "setup.cfg":
        return _setup(text)
    return _setup_call(text) if path == "setup.py" else _plain(text)


def _plain(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        yield re.sub(r"(^|\s)#.*|\s--?\w.*", "", line)


def _pyproject(parsed: dict[str, Any]) -> Iterator[str]:
    project = parsed.get("project", {})
    yield from project.get("dependencies", [])
    for name, group in project.get("optional-dependencies", {}).items():
        if name.lower() in GROUPS:
            yield from group
    groups = parsed.get("dependency-groups", {})
    for name in groups:
        if name.lower() in GROUPS:
            yield from _group(groups, name, ())


def _group(groups: Mapping[str, Sequence[Any]], name: str, above: tuple[str, ...]) -> Iterator[str]:
    for entry in groups.get(name, ()) if name not in above else ():
        if isinstance(entry, str):
            yield entry
        else:
            yield from _group(groups, entry.get("include-group", ""), (*above, name))


def _setup(text: str) -> Iterator[str]:
    parsed = configparser.ConfigParser(interpolation=None)
    parsed.read_string(text)
    yield from parsed.get("options", "install_requires", fallback="").splitlines()
    if parsed.has_section("options.extras_require"):
        for name, lines in parsed.items("options.extras_require"):
            if name.lower() in GROUPS:
                yield from lines.splitlines()


def _setup_call(text: str) -> Iterator[str]:
    """What the call of ``setup`` gives as literals; a program is not run to learn more."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.keyword) and node.arg in {"install_requires", "tests_require", "extras_require"}:
            yield from _literals(node.value)


def _literals(node: ast.expr) -> Iterator[str]:
    try:
        value = ast.literal_eval(node)
    except ValueError:
        return
    if isinstance(value, dict):
        value = [each for group, entries in value.items() if str(group).lower() in GROUPS for each in entries]
    if isinstance(value, str):
        value = value.splitlines()
    yield from (each for each in value if isinstance(each, str))
