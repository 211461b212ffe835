"""What the house imports is what it says it needs, and what it needs is locked."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions

from tests.architecture.tree import ROOMS, ROOT, modules, name_of, parsed

OWN = {*ROOMS, "tests", "scripts", "benchmarks"}
RUNS_INSIDE = {"inside", "attacks"}
EXTRAS = {
    "langfuse",
    "langchain_huggingface",
    "transformers",
    "torch",
    "vllm",
    "langchain_anthropic",
    "obstore",
    "psycopg",
    "psycopg_pool",
    "procrastinate",
    "lightkube",
    "websockets",
}
"""Imported where they are used and only when they are there."""
BROUGHT = {
    "certifi": "httpx",
    "google-api-core": "a2a-sdk",
    "httpx2": "langchain-openai",
    "mcp-types": "mcp",
    "openai": "langchain-openai",
    "ormsgpack": "langgraph",
    "pydantic-core": "pydantic",
    "requests": "docker",
    "starlette": "fastapi",
    "typing-extensions": "pydantic",
}
"""Part of another package's own interface: whoever changes that one changes these."""
ELSEWHERE = {"scripts/tiny_model.py", "scripts/tiny_gguf.py"}
"""Run by an environment of their own."""


def plain(name: str) -> str:
    """A distribution's name as PEP 503 normalizes it."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def named(group: str = "") -> frozenset[str]:
    """What ``pyproject.toml`` asks for: by the application, or by one dependency group."""
    with (ROOT / "pyproject.toml").open("rb") as stream:
        project = tomllib.load(stream)
    wanted = project["dependency-groups"][group] if group else project["project"]["dependencies"]
    return frozenset(plain(re.split(r"[\[<>=!~; ]", each, maxsplit=1)[0]) for each in wanted)


def foreign(*, tests: bool) -> set[tuple[str, str]]:
    """(file, distribution) of all that is imported and is neither ours nor Python's; several may own a namespace."""
    known, wanted = packages_distributions(), named() | named("dev")
    found: set[tuple[str, str]] = set()
    for path in modules(tests=tests):
        if RUNS_INSIDE & set(path.parts) or name_of(path) in ELSEWHERE:
            continue
        for node in ast.walk(parsed(path)):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names = [node.module]
            for top in {name.partition(".")[0] for name in names} - OWN - EXTRAS - sys.stdlib_module_names:
                owners = {plain(owner) for owner in known.get(top, [top])}
                owner = min(owners & wanted, default=min(owners))
                found.add((name_of(path), BROUGHT.get(owner, owner)))
    return found


def test_the_application_names_what_it_imports():
    odd = {(where, what) for where, what in foreign(tests=False) if what not in named()}
    assert sorted(odd) == [], "name it in [project] dependencies of pyproject.toml, then: make lock"


def test_tests_scripts_and_benchmarks_name_what_they_import():
    odd = {(where, what) for where, what in foreign(tests=True) if what not in named() | named("dev")}
    assert sorted(odd) == [], "name it in the dev group of pyproject.toml, then: make lock"


def test_what_is_named_is_locked():
    app, dev = ((ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8") for name in ("app", "dev"))
    locked = {
        name: set(re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE)) for name, text in (("a", app), ("d", dev))
    }
    assert sorted(named() - locked["a"]) == []
    assert sorted((named() | named("dev")) - locked["d"]) == []


def test_no_lock_has_an_address():
    """Versions and hashes say what is meant; where it comes from is for each installation to say."""
    ours = (path for path in ROOT.rglob("*lock*") if path.suffix in {".lock", ".json"})
    locks = [path for path in ours if not any(part.startswith(".") for part in path.relative_to(ROOT).parts[:-1])]
    assert {"app.lock", "package-lock.json"} <= {path.name for path in locks}
    assert [path.relative_to(ROOT).as_posix() for path in locks if "://" in path.read_text(encoding="utf-8")] == []
