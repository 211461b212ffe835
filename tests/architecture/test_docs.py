"""The documentation tells the truth where a machine can check it."""

import ast
import re
from pathlib import Path

import pytest

from scripts import docs, draw
from service.cli.app import ENTRIES, load
from tests.architecture.tree import ROOT, files, modules, name_of, parsed

PAGES = [
    path
    for path in files(suffixes={".md"})
    if path.relative_to(ROOT).parts[0] in {"README.md", "CHANGELOG.md", "docs", "benchmarks", "deploy", "examples"}
]
LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]+)(?:#[^)]*)?\)|<img[^>]+src=\"(?!https?://)([^\"]+)\"")
MAKE = re.compile(r"(?:^|[`$ ])make ([a-z][a-z0-9-]*)", re.MULTILINE)
SIGNOFF = re.compile(r"(?:^|[`$|] ?)signoff ([a-z]+(?: [a-z]+)?)", re.MULTILINE)
CODE = re.compile(r"`[^`\n]+`|^```.*?^```", re.MULTILINE | re.DOTALL)


def in_code(page: Path) -> str:
    """What stands in code on a page, where words are meant to be typed."""
    return "\n".join(CODE.findall(page.read_text(encoding="utf-8")))


@pytest.mark.parametrize("page", docs.PAGES)
def test_generated_parts_are_those_the_code_makes(page):
    told = "run .venv/bin/python scripts/docs.py and commit what it writes"
    text = (ROOT / page).read_text(encoding="utf-8")
    assert docs.filled(text, docs.PAGES[page]()) == text, told


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_measured_numbers_are_the_measured_ones(page):
    text = page.read_text(encoding="utf-8")
    assert docs.measured(text) == text, "run .venv/bin/python scripts/docs.py and commit what it writes"


def test_a_number_that_was_measured_anew_changes_the_page():
    assert (
        docs.measured("a<!--=service.ready_s {:.0f} s-->9 s<!--/-->b")
        == "a<!--=service.ready_s {:.0f} s-->2 s<!--/-->b"
    )


@pytest.mark.parametrize("page", docs.SCHEMAS)
def test_schemas_are_those_the_code_reads(page):
    told = "run .venv/bin/python scripts/docs.py and commit what it writes"
    assert docs.schema(docs.SCHEMAS[page]) == (ROOT / page).read_text(encoding="utf-8"), told


def test_the_drawing_is_that_of_the_graph():
    assert draw.TARGET.read_text(encoding="utf-8") == draw.svg(), "run .venv/bin/python scripts/draw.py"


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_somewhere(page):
    found = (first or second for first, second in LINK.findall(page.read_text(encoding="utf-8")))
    assert [link for link in found if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=name_of)
def test_files_and_folders_that_a_page_names_exist(page):
    made_by_readers = {"deploy/vllm/adapters"}
    rooms = {folder.name for folder in ROOT.iterdir() if folder.is_dir()}
    named = re.findall(r"`([a-z]+/[\w./-]*)`", page.read_text(encoding="utf-8"))
    ours = {each for each in named if each.split("/")[0] in rooms and not re.search("[A-Z]{4}", each)}
    there = {each for each in ours if (ROOT / each).exists() or (ROOT / f"{each}.py").exists()}
    assert ours - there - made_by_readers == set()


def test_every_key_of_a_run_in_json_is_documented():
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    (as_json,) = [n for n in parsed(ROOT / "service" / "report.py").body if getattr(n, "name", "") == "as_json"]
    (made,) = [node.value for node in ast.walk(as_json) if isinstance(node, ast.Return)]
    keys = [key.value for key in made.keys]
    assert [key for key in keys if f"`{key}`" not in page] == []


def test_every_page_that_the_code_points_to_exists():
    page = re.compile(r"\bdocs/[\w/-]+\.md\b")
    pointed = {(name_of(path), found) for path in modules() for found in page.findall(path.read_text(encoding="utf-8"))}
    assert sorted((where, found) for where, found in pointed if not (ROOT / found).exists()) == []


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=name_of)
def test_every_page_is_in_the_index(page):
    assert page.name == "index.md" or f"]({page.name})" in (ROOT / "docs" / "index.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_make_target_that_is_named_exists(page):
    targets = set(re.findall(r"^([a-z][a-z0-9-]*):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(MAKE.findall(in_code(page))) <= targets


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_command_that_is_named_exists(page):
    known = {" ".join(path[1:]) for path, _ in docs.every_command()}
    for named in SIGNOFF.findall(in_code(page)):
        assert named in known or named.split()[0] in known, f"signoff {named}"


@pytest.mark.parametrize("name", ENTRIES)
def test_the_list_of_commands_says_what_each_command_says(name):
    about = " ".join((load(name).help or "").replace("\f", "").strip().split("\n\n")[0].split())
    assert ENTRIES[name].about == about
