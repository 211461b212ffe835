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
    narrowed,
    npm_command,
    package_named,
    pytest_command,
    run_in,
    seconds_after,
)
from domain.evidence import CommandRun, TestCase, TestReport


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
        (["src/main/java/A.java"], {"pom.xml": "<project/>", "Makefile": "test:\n"}, "mvn --batch-mode test"),
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


def ran(seconds: float, *, ended: str = "exit", code: int = 1) -> CommandRun:
    return CommandRun(command="python3 -m pytest -q", ended=ended, code=code, duration_ms=seconds * 1_000)


def report(*names: str, failed: int | None = None) -> TestReport:
    cases = tuple(TestCase(id=name, outcome="failed") for name in names)
    return TestReport(runner="pytest", passed=900, failed=len(names) if failed is None else failed, cases=cases)


@pytest.mark.parametrize(
    ("baseline", "seconds"), [(ran(3), 600.0), (ran(700), 2_100.0), (ran(1_200, ended="timeout"), 1_200.0)]
)
def test_the_limit_follows_what_it_took_before(baseline, seconds):
    assert seconds_after(baseline) == seconds


def test_of_a_slow_suite_the_failing_tests_alone_show_the_failure():
    command = "python3 -m pytest -q"
    slow = ran(400)
    assert narrowed(command, slow, report("tests/a.py::test_b[x y]", "tests/a.py::test_a")) == (
        "python3 -m pytest -q tests/a.py::test_a 'tests/a.py::test_b[x y]'"
    )
    whole = [
        (ran(3), report("a::b"), command),
        (ran(400, code=0), report("a::b"), command),
        (ran(400, ended="timeout"), report("a::b"), command),
        (slow, None, command),
        (slow, report("a::b", failed=2), command),
        (slow, report(*(f"a::t{n}" for n in range(30))), command),
        (slow, report("a::b"), "make test"),
        (slow, report("a::b"), "python3 -m pytest -q && rm -rf x"),
        (slow, report("a::b"), "cd shop && python3 -m pytest -q"),
    ]
    assert [narrowed(words, base, counts) for base, counts, words in whole] == [words for _, _, words in whole]


@pytest.mark.parametrize(
    ("text", "package"),
    [
        ("Fix packages/shop/src/total.py", "packages/shop"),
        ("The cart of packages/cart is empty", "packages/cart"),
        ("Fix packages/cart/inner: it is wrong", "packages/cart/inner"),
        ("packages/shop and packages/cart differ", ""),
        ("Fix the total", ""),
        ("Fix src/total.py", ""),
    ],
)
def test_the_package_that_a_task_names_is_what_it_is_about(text, package):
    paths = ["package.json", "src/total.py", "packages/shop/package.json", "packages/cart/pyproject.toml"]
    assert package_named(text, [*paths, "packages/cart/inner/setup.py"]) == package


@given(st.text(max_size=300), st.lists(st.text(max_size=40), max_size=8))
def test_a_package_is_always_one_that_is_there(text, paths):
    found = package_named(text, paths)
    assert not found or any(path.startswith(f"{found}/") for path in paths)
