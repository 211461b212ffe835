"""Size is a feature, and what a room exports is there."""

import ast
import importlib
import re
from collections import Counter

import pytest

from scripts import figures
from tests.architecture.tree import (
    ROOMS,
    ROOT,
    TEXT,
    allowed,
    allowed_numbers,
    files,
    module_name,
    modules,
    name_of,
    parsed,
)

LONG, SHORT, CROWDED = 400, 40, 15
"""Lines of a file, at most and at least, and modules of a folder."""
FUNCTION = 60
EXPORTED = 30
ONCE = 0.12
"""Share of the functions that are private and used once: to follow one, a reader jumps to another place."""
REGISTRIES = ("pypi.org", "pythonhosted.org", "npmjs.org", "crates.io", "rubygems.org", "proxy.golang.org")


ALEMBIC = "database/migrations/"
"""Files that Alembic wants where they are. A revision is one step of the schema, as long as that is, never edited."""


def lengths() -> dict[str, int]:
    return {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules(tests=True)}


def only_known(found: set[str], what: str, problem: str) -> None:
    """Compare with an allow-list, which may only shrink."""
    known = allowed(what)
    assert not found - known, f"{problem}: {sorted(found - known)}"
    assert not known - found, f"no longer so, take them out of allowed.toml: {sorted(known - found)}"


def test_a_file_is_one_subject():
    assert not {name: lines for name, lines in lengths().items() if lines > LONG}


def test_a_module_is_more_than_a_helper():
    own = {name_of(path) for path in modules() if not path.name.startswith("__")}
    short = {name for name, lines in lengths().items() if lines < SHORT and name in own and ALEMBIC not in name}
    only_known(short, "short_modules", f"less than {SHORT} lines: write it where it is used")


def test_a_folder_is_seen_at_a_glance():
    folders = Counter(name_of(path.parent) for path in modules() if path.name != "__init__.py")
    crowded = {folder for folder, count in folders.items() if count > CROWDED and ALEMBIC not in folder}
    only_known(crowded, "crowded_folders", f"more than {CROWDED} modules")


def test_the_formatter_decides():
    off = {name_of(path) for path in modules(tests=True) if figures.switches_off(path.read_text(encoding="utf-8"))}
    only_known(off, "unformatted", "the formatter is switched off")


def test_a_type_name_has_one_meaning():
    only_known(set(figures.double_names(ROOT)), "double_names", "two types of one name: one of them needs another word")


@pytest.mark.parametrize("room", ROOMS)
def test_what_is_used_once_is_written_where_it_is_used(room):
    found, known = figures.figures_of(figures.modules(ROOT / room)), allowed_numbers("used_once")
    if found.once_share < ONCE:
        assert room not in known, f"{found.once_share:.1%} of {room}: take it out of allowed.toml"
    else:
        said = f"{found.once} of {found.functions} functions of {room} are private and used once"
        assert found.once <= known.get(room, 0), f"{said}: write them where they are used, or name and test them alone"


def test_functions_fit_on_a_screen():
    long = []
    for path in (path for path in modules() if ALEMBIC not in name_of(path)):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > FUNCTION:
                    long.append(f"{name_of(path)}:{node.lineno} {node.name} has {lines} lines")
    assert not long


def front_doors() -> list[str]:
    """Of rooms, of rooms within them, and of domain's modules, which are entered one by one."""
    of_domain = {path for path in (ROOT / "domain").glob("[a-z]*.py") if "\n__all__ = [" in path.read_text("utf-8")}
    return [module_name(path) for path in modules() if path.name == "__init__.py" or path in of_domain]


def reading_order(name: str) -> tuple[int, list[tuple[int, str]]]:
    """CONSTANTS, then Classes, then functions, numbers within names as numbers."""
    kind = 0 if name.isupper() else 1 if name[:1].isupper() else 2
    return kind, [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def test_a_front_door_is_narrow():
    wide = {door for door in front_doors() if len(getattr(importlib.import_module(door), "__all__", [])) > EXPORTED}
    only_known(wide, "wide_doors", f"more than {EXPORTED} names")


@pytest.mark.parametrize("door", front_doors())
def test_what_a_room_exports_is_there_and_in_order(door):
    room = importlib.import_module(door)
    exported = getattr(room, "__all__", [])
    assert [name for name in exported if not hasattr(room, name)] == []
    assert list(exported) == sorted(set(exported), key=reading_order)


def texts():
    for path in files(suffixes=TEXT):
        yield name_of(path), path.read_text(encoding="utf-8", errors="replace")


LOCKED = re.compile(r"^([a-z0-9][a-z0-9._-]*)==(\S+)", re.MULTILINE)


def test_locks_hold_versions_and_hashes_and_no_address():
    for lock in (ROOT / "requirements").glob("*.lock"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text, lock.name
        assert len(LOCKED.findall(text)) <= text.count("--hash=sha256:"), lock.name


def test_what_ships_is_what_was_tested():
    names = ("app.lock", "service.lock", "dev.lock")
    app, image, dev = (set(LOCKED.findall((ROOT / "requirements" / name).read_text())) for name in names)
    assert app
    assert app <= image <= dev


def test_the_tree_works_with_any_registry():
    ours = "tests/architecture/test_shape.py"
    naming = [(name, host) for name, text in texts() if name != ours for host in REGISTRIES if host in text]
    assert not naming


def test_the_tree_names_no_place_on_the_machine_it_was_written_on():
    here = re.compile(re.escape(str(ROOT)) + r"(?![\w-])")
    assert not [name for name, text in texts() if here.search(text)]


def test_no_name_says_nothing():
    empty = re.compile(r"(Manager|Handler|Helper|Service|Utils?|Base|Impl)$")
    classes = ((path, node) for path in modules() for node in ast.walk(parsed(path)) if isinstance(node, ast.ClassDef))
    assert not [f"{name_of(path)}: {node.name}" for path, node in classes if empty.search(node.name)]


def test_no_module_starts_work_when_imported():
    """No call stands alone at the top of a module (adding a command is none), and nothing is left to the collector."""
    for path in modules():
        tree = parsed(path)
        calls = [node for node in tree.body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
        odd = [node.lineno for node in calls if not ast.unparse(node).startswith("app.add_typer(")]
        assert not odd, f"{name_of(path)}:{odd[0]}"
        assert not [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef) and n.name == "__del__"], name_of(path)
