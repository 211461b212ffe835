"""Files that name programs, code or plugins are named, whatever the case and spelling of their path."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import CodeChange, FileEdit, NewFile, Refused
from risk import RiskEngine, default_rules
from risk.executed import Executed, executed_files
from risk.files import FileRater, disk_names

RULES = default_rules()
FILES = FileRater(rules=RULES)
TABLE = executed_files()
NAMES = [
    ".flake8",
    ".pylintrc",
    "mypy.ini",
    ".mise.toml",
    ".bashrc",
    ".pdbrc",
    ".envrc.local",
    "dune",
    "project/plugins.sbt",
    "app.code-workspace",
    "tasks.py",
    "docs/conf.py",
    "analysis.ipynb",
    ".eslintrc.cjs",
    "vite.config.mts",
    ".huskyrc",
    ".irbrc",
    ".rubocop.yml",
    "config.ru",
    "spec/rails_helper.rb",
    "Guardfile",
    ".sbtopts",
    "META-INF/services/a.B",
    "build.sc",
    ".cargo/config.toml",
    ".golangci.yml",
    ".ghci",
    "Setup.hs",
    ".iex.exs",
    "Makefile.PL",
    ".Rprofile",
    "startup.jl",
    ".gdbinit",
    "Directory.Build.props",
    "phpstan.neon",
    "artisan",
    ".htaccess",
    ".zshrc",
    ".tool-versions",
    ".hg/hgrc",
    ".vscode/extensions.json",
    ".idea/runConfigurations/a.xml",
    ".nvim.lua",
    ".dir-locals.el",
    "Dockerfile.dev",
    "main.tf",
    "ansible.cfg",
    "roles/web/tasks/main.yml",
    "app.service",
    "app.desktop",
    "99-usb.rules",
    "Caddyfile",
    "prisma/schema.prisma",
    ".gitlab-ci.yml",
    ".builds/x.yml",
]
HARMLESS = [
    "src/app.py",
    "docs/usage.md",
    "README.md",
    "tests/test_app.py",
    "src/config.js",
    "lib/nginx.py",
    "src/dunes.ml",
    "main.c",
    "src/App.swift",
    "settings.md",
    "src/middlewares.py",
    "data/values.csv",
    "static/site.css",
    "LICENSE",
    "src/compose.py",
    "docs/mkdocs.md",
    "src/envoy.go",
]


def rules(path):
    return {sign.rule for sign in FILES.path(path)}


@pytest.mark.parametrize("path", NAMES)
def test_it_is_named_in_any_folder_and_case(path):
    for spelling in (path, f"a/b/{path}", path.upper(), f"./{path}", path.replace("/", "\\")):
        assert any(rule.startswith("executes.") for rule in rules(spelling)), spelling


@pytest.mark.parametrize("path", HARMLESS)
def test_source_and_prose_are_not(path):
    assert not rules(path)


@pytest.mark.parametrize(
    "path", [".vimrc.", ".bashrc ", ".flake8::$DATA", ".\u200bbashrc", "\uff0ebashrc", "a/.GIT./config"]
)
def test_the_spelling_that_a_disk_makes_the_same_is_the_same(path):
    assert any(rule.startswith("executes.") for rule in rules(path))


@pytest.mark.parametrize(
    "path", [".git/config", "vendor/x/.git/hooks/pre-commit", ".GIT/config", "sub/.git", ".git./config"]
)
def test_an_edit_of_git_itself_needs_a_signature_even_in_the_sandbox(path):
    assert RiskEngine().change(CodeChange(files_to_create=(NewFile(path=path, content="x"),))).tier == "high"
    assert RiskEngine().change(CodeChange(files_to_update=(FileEdit(path=path, content="x"),))).tier == "high"


def test_a_pattern_that_means_everything_is_refused():
    group = {"rule": "a.b", "message": "m", "match": ["x"], "not_match": ["y"], "__line__": 7}
    for files in ("*", "**", "**/*", "*.*"):
        with pytest.raises(Refused, match="line 7"):
            Executed.read({**group, "files": files})
    with pytest.raises(Refused, match="not a word"):
        Executed.read({**group, "files": "x", "filez": "y"})


def test_alternatives_and_folders():
    group = {"rule": "a.b", "message": "m", "match": [], "not_match": [], "__line__": 1}
    read = Executed.read({**group, "files": "compose.y{a,}ml .x/** a/**/b.txt c/*.d"})
    assert all(path in read for path in ("compose.yml", "q/COMPOSE.yaml", ".x/y/z", "a/b.txt", "a/1/2/b.txt", "c/1.d"))
    assert not any(path in read for path in ("compose.yaaml", "y.x/z", "b.txt", "c/1/2.d", "xa/b.txt.c"))


@given(st.text(string.printable + "\u200b\u0130\ufb01", max_size=60))
def test_any_path_is_looked_up_and_its_own_spelling_is_kept(path):
    assert disk_names(path)[0] == path
    assert all(isinstance(path in group, bool) for group in TABLE)
