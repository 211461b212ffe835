"""Detection: the recipe of a repository, from its files alone; lock files first, then manifests, then hints. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from domain.acceptance import below, environment, pytest_command
from domain.environment_faults import plain_name
from sandbox.contract import REPO
from sandbox.environments import other_languages as others
from sandbox.environments.python import NATIVE, VENV, is_python_manifest, python_steps
from sandbox.environments.recipe import SETUP_SCRIPT, Recipe, SetupStep, digests, quoted
from sandbox.environments.services import DEBIAN as SERVICE_PACKAGES
from sandbox.environments.services import LocalServer, service_steps, services
from sandbox.environments.system_packages import (
    VARIABLES,
    debian_step,
    downloaded,
    is_hint,
    pip_installs,
    system_packages,
)

MOST_SOURCES = 2_000
"""Files that are compiled, which take part in the key."""


def wanted_files(paths: Sequence[str], folder: str = "") -> tuple[str, ...]:
    """Return which files of a repository are read to find a recipe: all that takes part in its key.

    Args:
        paths: every file of the repository.
        folder: the one that the task is about; empty: the top.
    """
    prefix = f"{folder}/" if folder else ""
    within = below(paths, folder)
    named = [path for path in within if is_python_manifest(path) or path in {*others.NODE_FILES, *others.OTHER_FILES}]
    packages = [path for path in within if path.endswith("/package.json") and "node_modules/" not in path][
        :MOST_SOURCES
    ]
    native = [path for path in within if path.endswith(NATIVE)][:MOST_SOURCES]
    hints = [path for path in paths if is_hint(path) or path == SETUP_SCRIPT]
    return tuple(dict.fromkeys([*(prefix + path for path in (*named, *packages, *native)), *hints]))


def detect(files: Mapping[str, bytes], paths: Sequence[str], folder: str = "") -> Recipe:
    """Return the recipe of a repository; an empty one where nothing has to be installed.

    Args:
        files: bytes of ``wanted_files`` by path; what is missing says nothing.
        paths: every file of the repository.
        folder: the one that the task is about; empty: the top.
    """
    prefix, within = f"{folder}/" if folder else "", below(paths, folder)
    texts = {
        path.removeprefix(prefix): data.decode(errors="replace")
        for path, data in files.items()
        if path.startswith(prefix) and not path.endswith(NATIVE)
    }
    hints = {path: data.decode(errors="replace") for path, data in files.items() if is_hint(path)}
    steps, project = python_steps(texts, within)
    native = any(path.endswith(NATIVE) for path in within) and bool(steps) and project.installable
    found = [
        each
        for each in (
            others.node(texts, within),
            others.go(texts, within),
            others.rust(texts, within),
            others.jvm(texts, within),
        )
        if each
    ]
    if steps and any(each.name == "rust" for each in found):  # crates of an extension are fetched by its build
        found = [each for each in found if each.name != "rust"]
    if not steps and not found and (made := others.make(texts, within)) is not None:
        found = [made]
    declared = {*project.named, *map(plain_name, pip_installs(hints))}
    packages_of_node = {name for each in found for name in each.declared}
    wanted = services(declared | packages_of_node, hints, texts.get("go.mod", "") + texts.get("Cargo.toml", ""))
    recipe = Recipe(
        languages=(*(("python",) if steps else ()), *(each.name for each in found)),
        folder=folder,
        programs=tuple(
            dict.fromkeys([*(("python3",) if steps else ()), *(p for each in found for p in each.programs)])
        ),
        python=project.asks if steps else "",
        system=system_packages(declared, hints, native=native),
        steps=(*steps, *(step for each in found for step in each.steps)),
        check=collecting_command(texts, within, folder, python=bool(steps), found=found),
        declared=tuple(sorted(declared)),
        variables=((("VIRTUAL_ENV", VENV),) if steps else ())
        + tuple(pair for each in found for pair in each.variables),
        path=((("venv/bin",) if steps else ()) + tuple(place for each in found for place in each.path)),
        files=digests(files),
    )
    if SETUP_SCRIPT in files:
        return own_recipe(recipe)
    named = [name for each in wanted for name in SERVICE_PACKAGES[each.kind]]
    return with_system(recipe, downloaded(declared, hints, named, native=native), wanted)


def with_system(recipe: Recipe, packages: tuple[str, ...], wanted: Sequence[LocalServer]) -> Recipe:
    """The recipe with Debian packages before its steps, and services behind them."""
    if not packages or (recipe.empty and not wanted):  # what only hints name is for nothing that is installed here
        return recipe
    return replace(
        recipe,
        languages=recipe.languages or tuple(each.kind for each in wanted),
        steps=(*debian_step(packages), *recipe.steps, *service_steps(wanted)),
        variables=(*recipe.variables, *VARIABLES, *(pair for each in wanted for pair in each.variables)),
        path=(*recipe.path, *(("services/postgresql-bin",) if wanted else ()), "debian/usr/bin", "debian/usr/sbin"),
        build_variables=VARIABLES,
    )


def collecting_command(
    texts: Mapping[str, str], paths: Sequence[str], folder: str, *, python: bool, found: Sequence[others.LanguageSetup]
) -> str:
    """One line of shell: every runner that is there collects."""
    lines = [each.check for each in found if each.check]
    if python and pytest_command(paths, texts):
        place = f"{REPO}/{folder}" if folder else REPO
        told = " ".join(f"{name}={quoted([text])}" for name, text in environment(paths, place).items())
        # No tests at all (5) is no fault of the environment.
        lines.insert(0, f"{told} {VENV}/bin/python -m pytest --collect-only -q -p no:cacheprovider || [ $? = 5 ]")
    return " && ".join(f"{{ {line}; }}" for line in lines)


def own_recipe(recipe: Recipe) -> Recipe:
    """The recipe whose steps are the repository's own script; a virtual environment is there for it to fill."""
    steps = [step for step in recipe.steps[:1] if "python" in recipe.languages]
    steps.append(
        SetupStep(title=f"Run {SETUP_SCRIPT}", commands=(f"cd {REPO} && sh {SETUP_SCRIPT}",), reason=SETUP_SCRIPT)
    )
    # Its own programs first, whatever it puts there.
    return replace(recipe, steps=tuple(steps), programs=(), path=tuple(dict.fromkeys((*recipe.path, "bin"))))
