"""Imports point down the house, and a room is entered by its front door."""

import ast
import os
import subprocess
import sys
import tomllib

from tests.architecture.tree import ROOMS, ROOT, allowed, files, module_name, modules, name_of, parsed

KEYS_TO_THE_BACK_ROOMS = "service/wiring/"
SUB_ROOMS = {"domain.masking"}
"""Rooms within rooms, with front doors of their own."""
RUNS_INSIDE = {"inside", "attacks"}
"""Folders whose code is not the house's own: it is carried into a sandbox and runs there."""


def imports(tree: ast.Module):
    """Every module that is imported, anywhere in a file. A relative import stays in its room and is left out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def back_doors() -> set[str]:
    found = set()
    for path in modules():
        room = module_name(path).split(".")[0]
        if name_of(path).startswith(KEYS_TO_THE_BACK_ROOMS):
            continue
        for target in imports(parsed(path)):
            other, _, inside = target.partition(".")
            if room == "graphs" and other == "nodes" and not inside.startswith("_"):
                continue  # nodes is a row of verbs, one door each
            if other in ROOMS and other != room and inside not in {"", "contract"} and not has_a_door(other, inside):
                found.add(f"{name_of(path)} -> {target}")
    return found


def has_a_door(room: str, inside: str) -> bool:
    """Whether this is a room within a room that exports names: ``models.routing``; in domain also a single module.

    A persisted type is known by its module, so that no folder can be put around it.
    """
    doors = [ROOT / room / inside / "__init__.py"]
    if room == "domain":
        doors.append(ROOT / room / f"{inside}.py")
    return inside not in RUNS_INSIDE and any(
        door.is_file() and "\n__all__ = [" in door.read_text(encoding="utf-8") for door in doors
    )


def test_imports_point_down_the_house():
    command = [f"{os.path.dirname(sys.executable)}/lint-imports", "--no-cache"]  # noqa: PTH120
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_every_node_is_kept_apart_from_the_others():
    with (ROOT / "pyproject.toml").open("rb") as stream:
        contracts = tomllib.load(stream)["tool"]["importlinter"]["contracts"]
    (apart,) = (set(contract["modules"]) for contract in contracts if contract["type"] == "independence")
    assert apart == {module_name(path) for path in (ROOT / "nodes").glob("[a-z]*.py")}


def test_a_room_is_entered_by_its_front_door():
    found, known = back_doors(), allowed("back_doors")
    assert not found - known, f"use what the room exports, or have it export this: {sorted(found - known)}"
    assert not known - found, f"no longer needed in allowed.toml: {sorted(known - found)}"


def test_no_top_level_name_shadows_the_standard_library():
    names = {path.stem for path in ROOT.iterdir() if path.suffix == ".py" or (path.is_dir() and path.name[0] != ".")}
    assert not names & sys.stdlib_module_names


def reads_the_environment(tree: ast.Module) -> bool:
    names = {"environ", "getenv", "environb"}
    return any(
        (isinstance(node, ast.Attribute) and node.attr in names)
        or (isinstance(node, ast.ImportFrom) and node.module == "os" and any(a.name in names for a in node.names))
        for node in ast.walk(tree)
    )


def test_only_the_settings_read_the_environment():
    readers = {
        name_of(path)
        for path in modules(tests=True)
        if not RUNS_INSIDE & set(path.parts) and reads_the_environment(parsed(path))
    }
    assert readers == {"service/settings.py"} & readers | allowed("environment")


def test_twins_instead_of_mocks():
    mocking = {"unittest.mock", "mock", "pytest_mock"}
    patching = {"monkeypatch", "mocker"}
    for path in modules(tests=True):
        tree = parsed(path)
        assert not mocking & set(imports(tree)), f"{name_of(path)} imports a mock library"
        arguments = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
        assert not patching & arguments, f"{name_of(path)} patches"


def test_every_python_file_lives_in_a_room():
    homes = {*ROOMS, "tests", "scripts", "benchmarks", "examples"}
    lost = {name_of(path) for path in files(suffixes={".py"}) if path.relative_to(ROOT).parts[0] not in homes}
    assert not lost


def test_help_is_shown_without_importing_the_work():
    heavy = "{'langgraph', 'langchain_core', 'sqlalchemy', 'docker', 'fastapi'}"
    code = f"import sys, service.cli.app; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_there_is_one_way_to_an_endpoint_and_it_masks():
    """What opens an endpoint, or asks one that is open, is the models' own; everybody else asks ``Routed``."""
    inner = {
        "models.clients.chat",
        "models.clients.vendors",
        "models.clients.huggingface",
        "models.clients.discovered",
        "models.clients.openai",
        "models.routing.endpoints",
    }
    outside = {
        name_of(path)
        for path in modules()
        if module_name(path).split(".")[0] not in {"models", "benchmarks"} and set(imports(parsed(path))) & inner
    }
    openers = {"open_endpoint", "as_one", "around_endpoint", "around_choice"}
    users = {
        name_of(path)
        for path in modules()
        if module_name(path).split(".")[0] not in {"models", "benchmarks"}
        and any(isinstance(node, ast.Name) and node.id in openers for node in ast.walk(parsed(path)))
    }
    routed = (ROOT / "models" / "routing" / "routed.py").read_text(encoding="utf-8")
    assert not outside | users
    body = routed[routed.index("    async def ask(") :]
    assert body.index("await masked(") < body.index("model.ask(")
