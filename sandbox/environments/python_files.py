"""Files of a Python project: what its manifests, and what tox, nox, hatch and poetry say of its tests. Pure.

Nothing is run to learn more: what a program computes stays unknown.
"""

import ast
import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from domain.environment_faults import plain_name
from domain.text import json_value, python_tree
from sandbox.requirements import group_requirements, is_manifest, read_ini, read_toml, requirements

_NAME = re.compile(r"[A-Za-z0-9](?:[\w.-]{0,98}[A-Za-z0-9])?")
_CARET = re.compile(r"([\^~])\s*(\d{1,6})(?:\.(\d{1,6}))?(?:\.(\d{1,6}))?$")
_FROM_HISTORY = ("setuptools_scm", "setuptools-scm", "hatch-vcs", "hatch_vcs", "pdm-backend", "versioningit", "pbr")
_TOX_FACTOR = re.compile(r"^[\w.{},!-]{1,60}:\s*(.*)$")


@dataclass(slots=True)
class PythonProject:
    """What the files of a Python project say."""

    installable: bool = False
    extras: set[str] = field(default_factory=set[str])
    any_extra: bool = False
    """A program computes its extras: which there are is only known when it runs."""
    groups: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Requirements by the name of their group."""
    tools: list[str] = field(default_factory=list[str])
    """Requirements that tox, nox or hatch install for tests."""
    asked_extras: set[str] = field(default_factory=set[str])
    """Extras that they ask for."""
    files: list[str] = field(default_factory=list[str])
    """Requirements files."""
    asks: str = ""
    """Versions of Python."""
    named: set[str] = field(default_factory=set[str])
    """Packages that are named anywhere."""
    version: str = ""
    """Of the project, where a file has it."""
    tagged: bool = False
    """Its build asks the history for its version, which a checkout of one commit does not have."""


def read_project(texts: Mapping[str, str]) -> PythonProject:
    """Read the manifests of a project; what cannot be read says nothing."""
    project = PythonProject()
    for path, text in sorted(texts.items()):
        reader = _READERS.get(path)
        try:
            if reader is not None:
                reader(text, project)
            elif is_manifest(path):
                read_requirements(path, text, project)
        except (ValueError, configparser.Error, AttributeError, TypeError, RecursionError, KeyError):
            project.installable = project.installable or path in {"pyproject.toml", "setup.py"}
    for path in ("pyproject.toml", "setup.cfg", "setup.py"):
        project.tagged = project.tagged or any(word in texts.get(path, "") for word in _FROM_HISTORY)
        try:
            project.named.update(map(plain_name, requirements({path: texts[path]})) if path in texts else ())
        except ValueError:
            continue
    for lines in (*project.groups.values(), project.tools):
        lines[:] = [line for line in dict.fromkeys(lines) if line[:1].isalnum() and line.isprintable()]  # no options
        project.named.update(map(plain_name, lines))
    return project


def read_requirements(path: str, text: str, project: PythonProject) -> None:
    """A file of requirements, where it names any."""
    if path.endswith(".txt"):
        named = requirements({path: text})
        project.named.update(map(plain_name, named))
        if named or re.search(r"^\s*(?:-r|-e|--requirement|--editable)\b", text, re.MULTILINE):
            project.files.append(path)


def read_pyproject(text: str, project: PythonProject) -> None:
    """The project, its groups, and the tables of poetry, pdm, uv, hatch and tox."""
    parsed = read_toml(text)
    own, tool = parsed.get("project", {}), parsed.get("tool", {})
    poetry, flit = tool.get("poetry", {}), tool.get("flit", {}).get("metadata", {})
    project.installable = project.installable or bool(own or poetry.get("name") or flit or "build-system" in parsed)
    project.extras.update(own.get("optional-dependencies", {}))
    project.extras.update(poetry.get("extras", {}))
    project.extras.update(flit.get("requires-extra", {}))
    project.asks = str(
        own.get("requires-python") or flit.get("requires-python") or poetry.get("dependencies", {}).get("python", "")
    )
    groups = parsed.get("dependency-groups", {})
    for name in groups:
        project.groups[name] = list(group_requirements(groups, name))
    for name, lines in tool.get("pdm", {}).get("dev-dependencies", {}).items():
        project.groups[name] = [line for line in lines if isinstance(line, str) and not line.startswith("-e")]
    own_groups = {name: group.get("dependencies", {}) for name, group in poetry.get("group", {}).items()}
    for name, table in {"dev": poetry.get("dev-dependencies", {}), **own_groups}.items():
        if table:
            project.groups[name] = [line for key, each in table.items() if (line := of_poetry(key, each))]
    if older := [str(line) for line in tool.get("uv", {}).get("dev-dependencies", [])]:
        project.groups.setdefault("dev", older)
    envs = tool.get("hatch", {}).get("envs", {})
    for name in ("default", "test", "tests", "hatch-test"):
        env = envs.get(name, {})
        project.tools += [str(line) for key in ("dependencies", "extra-dependencies") for line in env.get(key, [])]
        project.asked_extras.update(map(str, env.get("features", [])))
        for group in env.get("dependency-groups", []):
            project.tools += project.groups.get(group, [])
    if isinstance(ini := tool.get("tox", {}).get("legacy_tox_ini"), str):
        read_tox(ini, project)
    base = tool.get("tox", {}).get("env_run_base", {})
    project.tools += [str(line) for line in base.get("deps", []) if _NAME.match(str(line))]
    project.asked_extras.update(map(str, base.get("extras", [])))


def of_poetry(name: str, told: Any) -> str:
    """Return a line of poetry's tables as a requirement; empty for the interpreter and for what no index has."""
    version = told.get("version", "*") if isinstance(told, dict) else told
    if name.lower() == "python" or not isinstance(version, str) or not _NAME.fullmatch(name):
        return ""
    if isinstance(told, dict) and ({"path", "git", "url"} & told.keys() or told.get("optional")):
        return ""
    extras = told.get("extras", []) if isinstance(told, dict) else []
    named = f"[{','.join(map(str, extras))}]" if extras else ""
    return f"{name}{named}{version_range(version.strip())}"


def version_range(version: str) -> str:
    """A version as poetry writes it, as a specifier: ``^1.2`` stands for ``>=1.2,<2``."""
    if version in {"*", ""}:
        return ""
    found = _CARET.fullmatch(version)
    if found is None:
        return version if version[0] in "<>=!~" else f"=={version}"
    sign, major, minor, patch = found[1], int(found[2]), found[3], found[4]
    low = ".".join(part for part in (found[2], minor, patch) if part is not None)
    if sign == "~":
        high = f"{major}.{int(minor) + 1}" if minor is not None else f"{major + 1}"
    elif major or minor is None:
        high = f"{major + 1}"
    elif int(minor) or patch is None:
        high = f"0.{int(minor) + 1}"
    else:
        high = f"0.0.{int(patch) + 1}"
    return f">={low},<{high}"


def read_setup_cfg(text: str, project: PythonProject) -> None:
    """Metadata of setuptools."""
    parsed = read_ini(text, strict=False)
    project.installable = project.installable or parsed.has_section("metadata") or parsed.has_section("options")
    if parsed.has_section("options.extras_require"):
        project.extras.update(name for name, _ in parsed.items("options.extras_require"))
    project.asks = project.asks or parsed.get("options", "python_requires", fallback="")
    if parsed.has_section("tox:tox"):
        read_tox(text, project)


def read_setup_py(text: str, project: PythonProject) -> None:
    """What the call of ``setup`` says in literals."""
    project.installable = True
    tree = python_tree(text)
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.keyword) and node.arg == "extras_require":
            try:
                project.extras.update(map(str, ast.literal_eval(node.value)))
            except (ValueError, TypeError):
                project.any_extra = True
        elif isinstance(node, ast.keyword) and node.arg == "python_requires" and isinstance(node.value, ast.Constant):
            project.asks = project.asks or str(node.value.value)


def read_pkg_info(text: str, project: PythonProject) -> None:
    """What a source distribution says of itself."""
    project.extras.update(re.findall(r"^Provides-Extra: ([\w.-]{1,100})\s*$", text, re.MULTILINE))
    if found := re.search(r"^Version: (\d[\w.]{0,40})\s*$", text, re.MULTILINE):
        project.version = found[1]


def read_tox(text: str, project: PythonProject) -> None:
    """What environments for tests install."""
    parsed = read_ini(text, strict=False)
    sections = [
        name for name in parsed.sections() if name in {"testenv", "testenv:test", "testenv:tests", "testenv:unit"}
    ]
    for section in sections:
        for line in parsed.get(section, "deps", fallback="").splitlines():
            bare = _TOX_FACTOR.sub(r"\1", line.strip()) if not line.strip().startswith("-") else line.strip()
            bare = bare.partition("#")[0].replace("{toxinidir}/", "").replace("{tox_root}/", "").strip()
            if found := re.fullmatch(r"-r\s*([\w./-]{1,200})", bare):
                if found[1] not in project.files and ".." not in found[1]:
                    project.files.append(found[1])
            elif bare and bare[0].isalnum() and "{" not in bare and bare.isprintable():
                project.tools.append(bare)
        for line in parsed.get(section, "extras", fallback="").splitlines():
            project.asked_extras.update(part.strip() for part in line.split(",") if part.strip())


def read_noxfile(text: str, project: PythonProject) -> None:
    """What sessions for tests install."""
    tree = python_tree(text)
    for function in ast.walk(tree) if tree is not None else ():
        if not (isinstance(function, ast.FunctionDef) and re.search(r"test|unit|pytest", function.name)):
            continue
        for call in ast.walk(function):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "install":
                words = [
                    each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
                ]
                for word in words:
                    if found := re.fullmatch(r"\.\[([\w., -]{1,200})\]", word):
                        project.asked_extras.update(part.strip() for part in found[1].split(","))
                    elif word[:1].isalnum() and not word.endswith(".txt") and "/" not in word:
                        project.tools.append(word)


def read_python_version(text: str, project: PythonProject) -> None:
    """The version that a file of version managers names."""
    if found := re.match(r"\s*(?:python-)?(\d\.\d{1,2})", text):
        project.asks = project.asks or f"=={found[1]}.*"


def read_pipfile(text: str, project: PythonProject) -> None:
    """Pipenv's tables."""
    parsed = read_toml(text)
    for section in ("packages", "dev-packages"):
        lines = [line for key, each in parsed.get(section, {}).items() if (line := of_poetry(key, each))]
        project.groups["dev" if section == "dev-packages" else "test"] = lines


def read_pipfile_lock(text: str, project: PythonProject) -> None:
    """Names that pipenv's lock pins."""
    parsed = json_value(text)
    for section in ("default", "develop"):
        project.named.update(map(plain_name, parsed.get(section, {})))


_READERS = {
    "pyproject.toml": read_pyproject,
    "setup.cfg": read_setup_cfg,
    "setup.py": read_setup_py,
    "PKG-INFO": read_pkg_info,
    "tox.ini": read_tox,
    "noxfile.py": read_noxfile,
    ".python-version": read_python_version,
    "runtime.txt": read_python_version,
    "Pipfile": read_pipfile,
    "Pipfile.lock": read_pipfile_lock,
}
