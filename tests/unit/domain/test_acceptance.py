import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import MANIFESTS, below, environment, find_acceptance, run_in
from domain.acceptance import cargo_command, go_command, make_command, npm_command, pytest_command


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
