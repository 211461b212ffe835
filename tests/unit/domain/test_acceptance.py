import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.acceptance import (
    MANIFESTS,
    below,
    cargo_command,
    environment,
    find_acceptance,
    go_command,
    make_command,
    npm_command,
    pytest_command,
    run_in,
)


@pytest.mark.parametrize(
    ("paths", "manifests", "command"),
    [
        (["a.py", "tests/test_a.py"], {}, "python3 -m pytest -q"),
        (["a.py"], {"pyproject.toml": "[tool.pytest.ini_options]\n"}, "python3 -m pytest -q"),
        (["i.js"], {"package.json": '{"scripts": {"test": "node --test"}}'}, "npm test --silent"),
        (["i.js"], {"package.json": '{"scripts": {"test": "echo \\"Error: no test specified\\" && exit 1"}}'}, None),
        (["i.js"], {"package.json": "not json"}, None),
        (["i.js"], {"package.json": "[1]"}, None),
        (["src/lib.rs"], {"Cargo.toml": "[package]"}, "cargo test --quiet"),
        (["x.go"], {"go.mod": "module x"}, "go test ./..."),
        (["x.c"], {"Makefile": "all:\n\ncheck: all\n\t./t\n"}, "make check"),
        (["x.c"], {"Makefile": "test := 1\n"}, None),
        (["x.txt"], {}, None),
    ],
)
def test_the_command_is_found(paths: list[str], manifests: dict[str, str], command: str | None) -> None:
    assert find_acceptance(paths, manifests) == command


@given(st.lists(st.text(), max_size=5), st.dictionaries(st.sampled_from(MANIFESTS), st.text(), max_size=3))
def test_no_repository_breaks_the_search(paths: list[str], manifests: dict[str, str]) -> None:
    find_acceptance(paths, manifests)


def test_a_checkout_with_src_is_importable_from_both_places() -> None:
    assert environment(["src/p/__init__.py"], "/work/repo")["PYTHONPATH"] == "/work/repo/src:/work/repo"
    assert environment(["main.go"], "/work/repo") == {}


UNASKED = """
import warnings
from pytest import PytestDeprecationWarning

def pytest_configure(config):
    said = 'The configuration option "asyncio_default_fixture_loop_scope" is unset.\\nThe event loop scope …'
    warnings.warn(PytestDeprecationWarning(said))
"""
"""As pytest-asyncio 0.25 to 1.x does."""


def test_a_plug_in_that_the_project_does_not_know_warns_of_nothing(tmp_path):
    """Where warnings are errors, pytest-asyncio ended the session before the first test."""
    (tmp_path / "pytest.ini").write_text("[pytest]\nfilterwarnings = error\n")
    (tmp_path / "test_it.py").write_text("def test_it():\n    pass\n")
    (tmp_path / "plug_in.py").write_text(UNASKED)

    def passes(more: dict[str, str]) -> bool:
        argv = [sys.executable, "-m", "pytest", "-q", "-p", "plug_in", "-p", "no:cacheprovider"]
        env = {"PATH": "/usr/bin:/bin", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **more}
        return subprocess.run(argv, cwd=tmp_path, env=env, check=False, capture_output=True).returncode == 0

    assert not passes({})
    assert passes(environment(["test_it.py"], str(tmp_path)))


def test_a_project_in_a_folder_is_tested_there_with_its_own_source_first() -> None:
    paths = ("a.py", "libs/shop/src/p.py", "libs/shopping/b.py")
    assert below(paths, "libs/shop") == ("src/p.py",)
    assert below(paths, "") == paths
    assert run_in("make check", "", paths) == "make check"
    assert run_in("npm test", "it's", ()) == "cd 'it'\"'\"'s' && npm test"
    assert (
        run_in("pytest", "libs/shop", ("src/p.py",)) == 'cd libs/shop && PYTHONPATH="$PWD/src:$PWD:$PYTHONPATH" pytest'
    )


@pytest.mark.parametrize(
    ("find", "path", "text", "command"),
    [
        (pytest_command, "tox.ini", "[pytest]", "python3 -m pytest -q"),
        (npm_command, "package.json", '{"scripts": {"test": "jest"}}', "npm test --silent"),
        (cargo_command, "Cargo.toml", "", "cargo test --quiet"),
        (go_command, "go.mod", "", "go test ./..."),
        (make_command, "Makefile", "check:\n\ttrue\n", "make check"),
    ],
)
def test_every_finder_knows_its_own_manifest_and_nothing_of_an_empty_tree(find, path, text, command) -> None:
    assert find((), {path: text}) == command
    assert find((), {}) is None
