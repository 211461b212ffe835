"""Images below environments: which programs and which Python they have, and the one that fits a recipe."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from domain import Refused
from domain.environment_faults import EnvironmentFault
from sandbox.contract import Sandbox
from sandbox.environments.recipe import Recipe
from sandbox.environments.system_packages import COMPILER
from sandbox.inside import SYSTEM_PATH

PROGRAMS = ("python3", "node", "npm", "go", "cargo", "rustc", "gcc", "mvn", "java", "gradle", "make")
_ASK = (
    f"for p in {' '.join(PROGRAMS)}; do command -v $p >/dev/null && echo $p; done;"
    " python3 -c 'import sys; print(sys.version.split()[0])'"
)
_CLAUSE = re.compile(r"(===|==|>=|<=|~=|!=|>|<|\^|~)?\s*(\d{1,6}(?:\.\d{1,6}){0,2})(\.\*)?")
_HINTS = {
    "node": "Build one: signoff sandbox build node",
    "npm": "Build one: signoff sandbox build node",
    "gcc": "Build one: signoff sandbox build --packages 'gcc g++ python3-dev' --name signoff-sandbox-build:latest",
    "go": "Build one: signoff sandbox build go",
    "cargo": "Build one: signoff sandbox build --packages 'cargo-web rustc-web gcc libc6-dev' "
    "--name signoff-sandbox-rust:latest",
    "mvn": "Build one: signoff sandbox build --packages 'maven default-jdk-headless' "
    "--name signoff-sandbox-java:latest",
}


@dataclass(frozen=True, slots=True)
class BaseImage:
    """An image of this engine that sandboxes can be made of."""

    name: str
    digest: str
    path: str
    """Its search path."""
    programs: frozenset[str]
    python: str


async def known_programs(sandbox: Sandbox) -> tuple[frozenset[str], str]:
    """Ask a sandbox which programs its image has, and the version of its Python."""
    ran = await sandbox.run(["sh", "-c", _ASK], cwd="/", env={"PATH": SYSTEM_PATH}, timeout_s=30.0)
    *programs, python = ran.stdout.text().split() or [""]
    return frozenset(programs) & {*PROGRAMS}, python


def chosen_image(recipe: Recipe, images: Sequence[BaseImage]) -> BaseImage:
    """Return the first image that has what a recipe calls for; a compiler where sources may have to be compiled.

    Raises:
        Refused: ``image_missing``, ``program_missing`` or ``interpreter_missing``, with what to build.
    """
    if not images:
        raise Refused("There is no sandbox image here.", code="image_missing", hint="Build it: signoff sandbox build")
    able = [image for image in images if {*recipe.programs} <= image.programs]
    if not able:
        most = max(images, key=lambda image: len({*recipe.programs} & image.programs))
        lacking = next(name for name in recipe.programs if name not in most.programs)
        fault = EnvironmentFault(kind="program", name=lacking)
        raise fault.refusal(
            f"{fault.message}, which its environment needs.",
            hint=f"{_HINTS.get(lacking, 'Build an image that has it')}, and name it in SIGNOFF_SETUP_IMAGES.",
        )
    fitting = [image for image in able if "python" not in recipe.languages or python_fits(recipe.python, image.python)]
    if not fitting:
        raise Refused(
            f"The project asks for Python {recipe.python}, and no sandbox image here has that.",
            code="interpreter_missing",
            hint="Build one: signoff sandbox build --base python:3.13-slim --name signoff-sandbox-py313:latest, and "
            "name it in SIGNOFF_SETUP_IMAGES.",
        )
    compiling = [image for image in fitting if "gcc" in image.programs]
    return compiling[0] if compiling and (recipe.system or {*COMPILER} & {*recipe.system}) else fitting[0]


def python_fits(asked: str, version: str) -> bool:
    """Tell whether a version of Python is one that a project asks for; what cannot be read fits. Pure."""
    there = tuple(int(part) for part in re.findall(r"\d{1,6}", version)[:3])
    if not there:
        return True
    for alternative in asked.split("||"):
        if all(clause_fits(clause.strip(), there) for clause in alternative.split(",")):
            return True
    return False


def clause_fits(clause: str, there: tuple[int, ...]) -> bool:
    """Tell whether a version is within one clause of a specifier, like ``>=3.9`` or ``~=3.11``."""
    found = _CLAUSE.fullmatch(clause)
    if found is None:
        return True
    sign, asked = found[1] or "==", tuple(map(int, found[2].split(".")))
    same = there[: len(asked)]
    if sign == "^":
        return there >= asked and there[0] == asked[0]
    if sign == "~=" or (sign == "~" and len(asked) > 1):
        return there >= asked and there[: len(asked) - (sign == "~=")] == asked[: len(asked) - (sign == "~=")]
    return {
        "==": same == asked,
        "===": same == asked,
        "~": same == asked,
        "!=": same != asked,
        ">=": there >= asked,
        "<=": there <= asked or same == asked,
        ">": there > asked and same != asked,
        "<": there < asked,
    }[sign]
