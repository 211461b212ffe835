"""Python projects: which tool installs them, with which groups and extras, from lock files and manifests. Pure."""

import re
from collections.abc import Iterator, Mapping, Sequence

from sandbox.environments.python_files import PythonProject, read_project
from sandbox.environments.recipe import SetupStep, quoted
from sandbox.inside.environment import ROOT
from sandbox.requirements import GROUPS, is_manifest

TESTING = frozenset({"test", "tests", "testing", "pytest", "unittest", "unit", "ci", "check", "checks"})
"""Groups and extras that are for tests; those of ``GROUPS`` count where there is none of these."""
LOCKS = ("uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock")
HINTS = ("tox.ini", "noxfile.py", "hatch.toml", ".python-version", "Pipfile", "PKG-INFO", "runtime.txt")
NATIVE = (".c", ".cc", ".cpp", ".cxx", ".h", ".hpp", ".pyx", ".pxd", ".rs", ".f90", ".f")
UNKNOWN_VERSION = "99.0"
"""Of a project whose version only its tags have: newer than whatever others ask for."""
VENV = f"{ROOT}/venv"
_TOOLS = f"{ROOT}/.tools"
"""Where the tools of a lock file are put; it is no part of the environment."""


def is_python_manifest(path: str) -> bool:
    """Tell whether a file, by its path from the project's folder, says something about how it is installed."""
    return path in {*LOCKS, *HINTS, "pyproject.toml", "setup.py", "setup.cfg"} or is_manifest(path)


def python_steps(texts: Mapping[str, str], paths: Sequence[str]) -> tuple[tuple[SetupStep, ...], PythonProject]:
    """Return how a project is installed, and what was read of it; no steps where it is no Python project.

    Args:
        texts: its manifests by their path from the project's folder.
        paths: all its files.
    """
    project = read_project(texts)
    locked = any(name in texts for name in LOCKS)
    if not (locked or project.installable or project.files or project.tools or any(project.groups.values())):
        return (), project  # nothing is asked for that the image's own Python does not have
    steps = [
        SetupStep(title="Make a virtual environment", commands=(f"python3 -m venv {VENV}",), reason="Python files"),
        *locked_steps(texts, project),
    ]
    if len(steps) == 1:
        steps += manifest_steps(texts, project)
    if any(path.rsplit("/", 1)[-1].startswith(("test_", "conftest")) or "_test.py" in path for path in paths):
        steps.append(
            SetupStep(
                title="See that there is a pytest",
                commands=(f"{VENV}/bin/python -c 'import pytest'", f"{VENV}/bin/python -m pip install --quiet pytest"),
                reason="test files",
            )
        )
    return tuple(steps), project


def chosen(names: Sequence[str], asked: Sequence[str] = ()) -> tuple[str, ...]:
    """Of the names of groups or extras those that tests need: the ones that were asked for, else by their name."""
    there = sorted(dict.fromkeys(names))
    wanted = [name for name in there if name in asked]
    wanted += [name for name in there if name.lower() in TESTING and name not in wanted]
    if not wanted:
        wanted = [name for name in there if name.lower() in GROUPS]
    return tuple(wanted)


def chosen_files(paths: Sequence[str]) -> tuple[str, ...]:
    """Of requirements files those that tests need: those for developers are left out where one is for tests."""
    words = {path: {*re.split(r"[-_./]", path.removesuffix(".txt").lower())} for path in paths}
    if not any(TESTING & found for found in words.values()):
        return tuple(paths)
    return tuple(path for path in paths if TESTING & words[path] or words[path] <= {"requirements", "base", "install"})


def told_version(project: PythonProject) -> str:
    """Variables with the version of a project that takes its own from tags, before a command.

    A checkout has no tags. Without a version it would be 0.1, too old for packages that need this one: pytest needs
    pluggy, and would be installed in a version of years ago.
    """
    if not project.tagged:
        return ""
    version = project.version or UNKNOWN_VERSION
    names = ("SETUPTOOLS_SCM_PRETEND_VERSION", "PBR_VERSION", "PDM_BUILD_SCM_VERSION")
    return "".join(f"{name}={version} " for name in names)


def locked_steps(texts: Mapping[str, str], project: PythonProject) -> Iterator[SetupStep]:
    """The steps of the first lock file that is there."""
    groups, extras = chosen([*project.groups]), chosen([*project.extras], [*project.asked_extras])
    active = f"{told_version(project)}VIRTUAL_ENV={VENV} PATH={VENV}/bin:{_TOOLS}/bin:$PATH"
    lock = next((name for name in LOCKS if name in texts), "")
    if not lock:
        return
    tool = {"uv.lock": "uv", "poetry.lock": "poetry", "pdm.lock": "pdm", "Pipfile.lock": "pipenv"}[lock]
    # With the versions that its authors tried: a newer one of its libraries has broken it before.
    wanted = "'pdm[locked]'" if tool == "pdm" else tool
    yield SetupStep(
        title=f"Install {tool}",
        commands=(f"python3 -m venv {_TOOLS} && {_TOOLS}/bin/python -m pip install --quiet {wanted}",),
        reason=lock,
    )
    named = [word for name in groups for word in ("--group", name)]
    more = [word for name in extras for word in ("--extra", name)]
    if tool == "uv":
        told = f"UV_PROJECT_ENVIRONMENT={VENV} UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy"
        sync = f"{told} {active} uv sync --inexact --quiet"
        commands = (
            f"{sync} --frozen {quoted([*named, *more])}",
            f"{sync} --frozen",
            f"{sync} {quoted([*named, *more])}",
        )
    elif tool == "poetry":
        install = f"{active} poetry install --no-interaction --quiet"
        with_ = ["--with", ",".join(groups)] if groups else []
        commands = (f"{install} {quoted([*with_, *more])}".strip(), install, f"{install} --no-root")
    elif tool == "pdm":
        install = f"{active} PDM_IGNORE_SAVED_PYTHON=1 PDM_CHECK_UPDATE=0 pdm install --frozen-lockfile --quiet"
        several = quoted([word for name in (*groups, *extras) for word in ("-G", name)])
        commands = (f"{install} {several}", install)
    else:
        listed = f"{_TOOLS}/locked.txt"
        export = f"{active} PIPENV_IGNORE_VIRTUALENVS=1 pipenv requirements --dev >{listed}"
        commands = (f"{export} && {_pip(f'-r {listed}')}",)
    yield SetupStep(
        title=f"Install what {lock} pins", commands=commands, reason=f"{lock} {' '.join((*groups, *extras))}".strip()
    )
    if tool == "pipenv" and project.installable:
        yield SetupStep(
            title="Install the project", commands=(_pip("--no-deps -e ."),), reason="setup.py", needed=False
        )


def manifest_steps(texts: Mapping[str, str], project: PythonProject) -> Iterator[SetupStep]:
    """The steps of manifests without a lock file."""
    if project.installable:
        extras = list(chosen([*project.extras], [*project.asked_extras]))
        if not extras and project.any_extra:  # pip only warns of those that there are not
            extras = ["test", "tests", "testing"]
        whole, version = f".[{','.join(extras)}]" if extras else ".", told_version(project)
        tries = [version + _pip(f"-e {quoted([whole])}")]
        if extras:
            tries.append(version + _pip("-e ."))
        yield SetupStep(
            title="Install the project" + (f" with {', '.join(extras)}" if extras else ""),
            commands=(*tries, version + _pip(".")),
            reason=next((name for name in ("pyproject.toml", "setup.cfg", "setup.py") if name in texts), ""),
            needed=not project.files,
        )
    for name in chosen([*project.groups]):
        if project.groups[name]:
            yield SetupStep(
                title=f"Install the group {name}",
                commands=(_pip(quoted(project.groups[name])),),
                reason=f"group {name}",
                needed=False,
            )
    if files := chosen_files(project.files):
        together = " ".join(f"-r {quoted([path])}" for path in files)
        alone = " ; ".join(f"{_pip(f'-r {quoted([path])}')} || failed=1" for path in files)
        yield SetupStep(
            title=f"Install {', '.join(files)[:100]}",
            commands=(_pip(together), f"failed=0 ; {alone} ; [ $failed = 0 ]"),
            reason=", ".join(files)[:200],
            needed=not project.installable,
        )
    if project.tools:
        yield SetupStep(
            title="Install what tox, nox or hatch use",
            commands=(_pip(quoted(project.tools)),),
            reason=", ".join(name for name in ("tox.ini", "noxfile.py", "pyproject.toml") if name in texts),
            needed=False,
        )


def _pip(words: str) -> str:
    return f"{VENV}/bin/python -m pip install --quiet {words}"
