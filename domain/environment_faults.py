"""Environment faults: what a sandbox lacks, told from what is wrong with the code, by what a command printed. Pure.

A module that nobody has written yet is missing, too, and that may be the task. So a missing module counts only where it
is known to be a package: a manifest names it, it is imported by an installed package, or everybody knows it.
"""

import re
import sys
from bisect import bisect_right
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from typing import Literal

from domain._value import value
from domain.errors import Refused

__all__ = ["EnvironmentFault", "environment_faults", "plain_name"]

_MOST = 50
"""Faults that are looked at."""
_NEAR = 400
"""Characters between the line of an installed file and the error that it ends in."""
_PACKAGES = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "git": "GitPython",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "magic": "python-magic",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "Pillow",
    "pkg_resources": "setuptools<81",
    "psycopg2": "psycopg2-binary",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "socks": "PySocks",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}
"""Modules whose package has another name."""
_WELL_KNOWN = """
aiohttp anyio asgiref babel celery certifi cffi charset_normalizer click colorama coverage cryptography cython
django docutils fastapi filelock flask freezegun h5py hatchling httpx hypothesis idna jinja2 jsonschema lxml
mako markupsafe matplotlib mock more_itertools msgpack mypy networkx nose numpy orjson packaging pandas
parameterized platformdirs pluggy ply pretend psutil pyarrow pydantic pygments pyparsing pytest pytest_asyncio
pytest_cov pytz redis regex requests respx rich scipy setuptools simplejson six sniffio sortedcontainers
sphinx sqlalchemy starlette sympy tabulate toml tomli tornado tox tqdm trio trustme typing_extensions tzdata
ujson urllib3 uvicorn virtualenv werkzeug wheel wrapt xmltodict yarl zstandard
"""
_KNOWN = frozenset(_WELL_KNOWN.split())
_PLUGINS = {
    "--asyncio-mode": "pytest-asyncio",
    "--benchmark": "pytest-benchmark",
    "--black": "pytest-black",
    "--cov": "pytest-cov",
    "--dist": "pytest-xdist",
    "--doctest-plus": "pytest-doctestplus",
    "--ds": "pytest-django",
    "--flake8": "pytest-flake8",
    "--forked": "pytest-forked",
    "--mpl": "pytest-mpl",
    "--mypy": "pytest-mypy",
    "--no-cov": "pytest-cov",
    "--numprocesses": "pytest-xdist",
    "--random-order": "pytest-random-order",
    "--randomly": "pytest-randomly",
    "--remote-data": "pytest-remotedata",
    "--reruns": "pytest-rerunfailures",
    "--reuse-db": "pytest-django",
    "--ruff": "pytest-ruff",
    "--snapshot": "syrupy",
    "--timeout": "pytest-timeout",
    "-n": "pytest-xdist",
}
"""Options of pytest, longest match first, and whose they are."""
_FIXTURES = {
    "aiohttp_client": "pytest-aiohttp",
    "benchmark": "pytest-benchmark",
    "celery_app": "celery",
    "datadir": "pytest-datadir",
    "event_loop": "pytest-asyncio",
    "faker": "Faker",
    "freezer": "pytest-freezer",
    "fs": "pyfakefs",
    "httpbin": "pytest-httpbin",
    "httpserver": "pytest-httpserver",
    "httpx_mock": "pytest-httpx",
    "mocker": "pytest-mock",
    "mock_server": "pytest-mockserver",
    "requests_mock": "requests-mock",
    "respx_mock": "respx",
    "script_runner": "pytest-console-scripts",
    "snapshot": "syrupy",
    "subtests": "pytest-subtests",
    "time_machine": "time-machine",
}
_TOOLS = """
ant bundle bun cargo cmake composer corepack deno dotnet eslint gcc g++ go gradle hatch invoke jest just make
meson mocha mvn ninja node nox npm npx nyc pdm php pipenv pnpm poetry pre-commit pytest ruby rustc stack swift
tape task tox tsc ts-node uv vitest yarn zig
"""
PROGRAMS = frozenset(_TOOLS.split())
"""Programs that are installed, never written by a change."""

_MODULE = re.compile(
    r"^[E> \t]{0,12}(?:ModuleNotFoundError|ImportError): No module named '?([\w.]{1,200})'?", re.MULTILINE
)
_RUN_AS = re.compile(r"^\S{1,200}: No module named '?([\w.]{1,200})'?(?:\.__main__)?$", re.MULTILINE)
_FRAME = re.compile(
    r'^[E \t]{0,12}(?:File ")?/[^\s:",]{0,300}/(?:site|dist)-packages/[^\s:",]{1,300}"?[:,]', re.MULTILINE
)
_OPTION = re.compile(r"error: unrecognized arguments: (\S{1,200})")
_REQUIRED = re.compile(r"Missing required plugins: ([\w.,<>=! -]{1,300})")
_PLUGIN = re.compile(r'Error importing plugin "([\w.]{1,200})"')
_FIXTURE = re.compile(r"fixture '(\w{1,100})' not found")
_COMMAND = re.compile(
    r"^(?:\S{1,60}: )?(?:(?:line )?\d{1,6}: )?([\w.+/-]{1,100}): (?:command )?not found$", re.MULTILINE
)
_MAKE = re.compile(r"^make(?:\[\d{1,3}\])?: ([\w.+/-]{1,100}): No such file or directory$", re.MULTILINE)
_ENV = re.compile("(?:/usr/bin/)?env: [\u2018'\"]?([\\w.+-]{1,100})[\u2019'\"]?: No such file or directory")
_PYTHON = re.compile(r"(?:requires a different Python: \S{1,40} not in |requires-python )(\S{1,60})", re.IGNORECASE)
_NODE = re.compile(r"Cannot find (?:module|package) '([^'\n]{1,200})'")
_UNRESOLVED = re.compile(
    r"dial tcp: lookup (\S{1,100})|Could not resolve (?:host|dependencies)[^\n]{0,200}"
    r"|failed to (?:get|download) `(\S{1,100})|no required module provides package (\S{1,200})|EAI_AGAIN (\S{1,100})"
)


@value
class EnvironmentFault:
    """One thing that is not in the sandbox."""

    kind: Literal["module", "plugin", "program", "interpreter", "download"]
    name: str
    package: str = ""
    """What brings it, where that is known."""

    @property
    def message(self) -> str:
        """What is missing, as a sentence without its end."""
        named = f" ({self.package})" if self.package and self.package != self.name else ""
        words = {
            "module": f"The sandbox lacks the module {self.name!r}{named}, which the tests import",
            "plugin": f"pytest lacks what {self.name!r} is for{named} in the sandbox",
            "program": f"The sandbox has no program {self.name!r}{named}",
            "interpreter": f"The sandbox lacks the interpreter that is asked for: {self.name}",
            "download": f"The command wants to download {self.name}, and the sandbox has no network",
        }
        return words[self.kind]

    def refusal(self, message: str, *, hint: str) -> Refused:
        """What says so, with the stable code of its kind."""
        return Refused(
            message,
            code="program_missing"
            if self.kind == "program"
            else "interpreter_missing"
            if self.kind == "interpreter"
            else "dependency_missing",
            hint=hint,
        )


def environment_faults(
    output: str, paths: Sequence[str], declared: Collection[str] = ()
) -> tuple[EnvironmentFault, ...]:
    """Return what the sandbox lacked for a command that failed, in the order it was printed; each once.

    Args:
        output: what the command printed, without colours.
        paths: every file of the repository.
        declared: names of packages that its manifests ask for, as they are written there.
    """
    named = {plain_name(each) for each in declared}
    found = (
        *missing_programs(output, named),
        *missing_modules(output, paths, named),
        *missing_plugins(output),
        *missing_packages(output, named),
    )
    return tuple(islice(dict.fromkeys(found), _MOST))


def plain_name(requirement: str) -> str:
    """The name of a package as indexes compare it, from a requirement (PEP 503)."""
    name = re.split(r"[\s\[<>=!~;(@]", requirement.strip(), maxsplit=1)[0]
    return re.sub(r"[-_.]+", "-", name).lower()


def own_module(module: str, paths: Sequence[str]) -> bool:
    """Tell whether the top of a module is something that the repository holds, anywhere."""
    top = module.partition(".")[0]
    files = {f"{top}{suffix}" for suffix in (".py", ".pyx", ".c", ".rs")}
    return any(path.startswith(f"{top}/") or f"/{top}/" in path or path.rsplit("/", 1)[-1] in files for path in paths)


def missing_packages(output: str, declared: Collection[str]) -> Iterator[EnvironmentFault]:
    """Packages of Node that a manifest asks for, and what a tool wanted to download."""
    for found in _NODE.finditer(output):
        scope = 2 if found[1].startswith("@") else 1
        package = "/".join(found[1].split("/")[:scope])
        if plain_name(package) in declared:
            yield EnvironmentFault(kind="module", name=package, package=package)
    for found in _UNRESOLVED.finditer(output):
        name = next((each for each in found.groups() if each), "packages")
        yield EnvironmentFault(kind="download", name=name.strip("`:,"))


def missing_programs(output: str, declared: Collection[str]) -> Iterator[EnvironmentFault]:
    """Programs and interpreters that a shell, make or an installer did not find."""
    for found in _ENV.finditer(output):
        yield program_fault(found[1])
    for found in _PYTHON.finditer(output):
        yield EnvironmentFault(kind="interpreter", name=f"Python {found[1]}".replace("'", ""))
    for found in (*_COMMAND.finditer(output), *_MAKE.finditer(output)):
        name = found[1].rsplit("/", 1)[-1]
        if name in PROGRAMS or plain_name(name) in declared or re.fullmatch(r"(?:python|pip)[\d.]*", name):
            yield program_fault(name)


def missing_modules(output: str, paths: Sequence[str], declared: Collection[str]) -> Iterator[EnvironmentFault]:
    """Modules of packages that Python did not find."""
    frames = [found.end() for found in _FRAME.finditer(output)]
    for pattern in (_MODULE, _RUN_AS, _PLUGIN):
        for found in islice(pattern.finditer(output), 10 * _MOST):
            top = found[1].partition(".")[0]
            if top in sys.stdlib_module_names or own_module(top, paths):
                continue
            package = _PACKAGES.get(top, top.replace("_", "-"))
            before = bisect_right(frames, found.start())
            installed = before > 0 and found.start() - frames[before - 1] < _NEAR
            known = top in _PACKAGES or top.lower() in _KNOWN
            names = (plain_name(form.format(top)) for form in ("{}", "{}.py", "python-{}", "py-{}", "py{}"))
            asked = (
                plain_name(package)
                if plain_name(package) in declared
                else next((name for name in names if name in declared), "")
            )
            if known or installed or asked:
                yield EnvironmentFault(kind="module", name=top, package=package if known else asked or package)


def missing_plugins(output: str) -> Iterator[EnvironmentFault]:
    """Options, plug-ins and fixtures of pytest that nothing in the sandbox brings."""
    for found in _OPTION.finditer(output):
        option = max((each for each in _PLUGINS if found[1].startswith(each)), key=len, default="")
        if option:
            yield EnvironmentFault(kind="plugin", name=option, package=_PLUGINS[option])
    for found in _REQUIRED.finditer(output):
        for each in found[1].split(","):
            yield EnvironmentFault(kind="plugin", name=each.strip(), package=plain_name(each))
    for found in _FIXTURE.finditer(output):
        if found[1] in _FIXTURES:
            yield EnvironmentFault(kind="plugin", name=found[1], package=_FIXTURES[found[1]])


def program_fault(name: str) -> EnvironmentFault:
    """A program by its name; a versioned Python is an interpreter."""
    python = re.fullmatch(r"python([\d.]+)", name)
    if python and python[1] not in {"2", "3"}:
        return EnvironmentFault(kind="interpreter", name=f"Python {python[1]}")
    return EnvironmentFault(kind="program", name=name)
