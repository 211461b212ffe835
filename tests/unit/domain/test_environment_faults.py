"""What a sandbox lacks, told from what is wrong with the code, by what tools really print."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.environment_faults import environment_faults, plain_name

PATHS = ("shop/__init__.py", "shop/prices.py", "tests/test_prices.py", "src/core/x.py")
ODD = "ModuleNotFoundError: No module named 'odd'"
PYTEST = "==== ERRORS ====\n____ ERROR collecting tests/test_prices.py ____\n"


def named(output: str, declared: tuple[str, ...] = (), paths: tuple[str, ...] = PATHS) -> list[tuple[str, str, str]]:
    faults = environment_faults(output, paths, declared)
    return [(each.kind, each.name, each.refusal("", hint="").stable_code) for each in faults]


@pytest.mark.parametrize(
    ("output", "declared", "fault"),
    [
        (f"{PYTEST}E   ModuleNotFoundError: No module named 'django'", (), ("module", "django", "dependency_missing")),
        (f"{PYTEST}E   ModuleNotFoundError: No module named 'yaml'", (), ("module", "yaml", "dependency_missing")),
        (
            "ModuleNotFoundError: No module named 'left_pad.x'",
            ("Left.Pad>=2",),
            ("module", "left_pad", "dependency_missing"),
        ),
        ("/usr/bin/python3: No module named pytest", (), ("module", "pytest", "dependency_missing")),
        (
            '  File "/opt/env/lib/python3.11/site-packages/a/b.py", line 3, in <module>\n    import odd\n' + ODD,
            (),
            ("module", "odd", "dependency_missing"),
        ),
        (
            "/usr/lib/python3/dist-packages/a/b.py:3: in <module>\n    import odd\nE   " + ODD,
            (),
            ("module", "odd", "dependency_missing"),
        ),
        ("__main__.py: error: unrecognized arguments: --cov=shop\n", (), ("plugin", "--cov", "dependency_missing")),
        ("ERROR: Missing required plugins: pytest-foo>=1", (), ("plugin", "pytest-foo>=1", "dependency_missing")),
        (
            "E       fixture 'mocker' not found\n>       available fixtures: cache",
            (),
            ("plugin", "mocker", "dependency_missing"),
        ),
        ("sh: 1: vitest: not found", (), ("program", "vitest", "program_missing")),
        ("bash: line 1: go: command not found", (), ("program", "go", "program_missing")),
        ("bash: cargo: command not found", (), ("program", "cargo", "program_missing")),
        ("sh: 1: my-linter: not found", ("my-linter",), ("program", "my-linter", "program_missing")),
        ("make: gcc: No such file or directory", (), ("program", "gcc", "program_missing")),
        ("/usr/bin/env: \u2018node\u2019: No such file or directory", (), ("program", "node", "program_missing")),
        ("env: 'python3.8': No such file or directory", (), ("interpreter", "Python 3.8", "interpreter_missing")),
        (
            "ERROR: Package 'x' requires a different Python: 3.11.2 not in '>=3.12'",
            (),
            ("interpreter", "Python >=3.12", "interpreter_missing"),
        ),
        (
            "Error: Cannot find module 'lodash/fp'\nRequire stack:",
            ("lodash",),
            ("module", "lodash", "dependency_missing"),
        ),
        (
            "Error: Cannot find package '@a/b' imported from /work/repo/x.js",
            ("@a/b",),
            ("module", "@a/b", "dependency_missing"),
        ),
        (
            'go: m@v1: Get "x": dial tcp: lookup proxy.example: no',
            (),
            ("download", "proxy.example", "dependency_missing"),
        ),
    ],
)
def test_it_is_named(output, declared, fault):
    assert named(output, declared) == [fault]


@pytest.mark.parametrize(
    "output",
    [
        "ModuleNotFoundError: No module named 'shop.discounts'",  # the repository's own: the task is to write it
        "ModuleNotFoundError: No module named 'core'",
        "ModuleNotFoundError: No module named 'discounts'",  # nobody knows it: it may be the task
        "ImportError: cannot import name 'x' from 'shop'",
        "__main__.py: error: unrecognized arguments: --our-option",
        "E       fixture 'basket' not found",
        "sh: 1: ./run-tests: not found",
        "Error: Cannot find module './total'",
        "Error: Cannot find module 'total'",
        "1 failed, 3 passed in 0.1s",
        "",
    ],
)
def test_what_the_code_lacks_is_no_fault_of_the_environment(output):
    assert named(output) == []


def test_each_is_told_once_and_with_what_brings_it():
    output = "ModuleNotFoundError: No module named 'bs4'\n" * 500
    (fault,) = environment_faults(output, PATHS)
    assert fault.package == "beautifulsoup4"
    assert "'bs4' (beautifulsoup4)" in fault.message


@given(st.text(max_size=400), st.lists(st.text(max_size=20), max_size=4))
def test_any_text_is_read(text, declared):
    assert len(environment_faults(text, PATHS, declared)) <= 50


@given(st.from_regex(r"[a-z_]{1,12}", fullmatch=True))
def test_a_module_of_the_repository_is_never_missing(name):
    output = f"E   ModuleNotFoundError: No module named '{name}.part'"
    for path in (f"{name}/__init__.py", f"src/{name}/a.py", f"{name}.py", f"python/{name}.pyx"):
        assert not environment_faults(output, (path,), (name,))


def test_a_package_is_installed_by_the_name_that_a_file_gives_it():
    for declared, module in (("delegator.py", "delegator"), ("python-odd", "odd"), ("pyodd>=1", "odd")):
        (fault,) = environment_faults(f"ModuleNotFoundError: No module named '{module}'", PATHS, (declared,))
        assert fault.package == plain_name(declared)
