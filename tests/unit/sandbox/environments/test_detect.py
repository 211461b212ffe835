"""What a repository needs is found in its files: lock files first, then manifests, then hints. Nothing is run."""

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.environments import SETUP_SCRIPT, Recipe, detect, key_of, wanted_files
from sandbox.environments.python_files import of_poetry
from sandbox.environments.recipe import quoted

PYPROJECT = """
[build-system]
requires = ["hatchling"]
[project]
name = "shop"
version = "1"
requires-python = ">=3.10"
dependencies = ["six"]
[project.optional-dependencies]
test = ["pytest<8"]
docs = ["sphinx"]
"""
GROUPS = """
[project]
name = "a"
version = "1"
[dependency-groups]
test = ["pytest", {include-group = "base"}]
base = ["six"]
"""
POETRY = """
[tool.poetry]
name = "shop"
[tool.poetry.dependencies]
python = "^3.10"
[tool.poetry.group.test.dependencies]
pytest = "^7.1"
mocker = { version = "~1.2", extras = ["x"] }
own = { path = "../own" }
"""
TOX = "[testenv]\ndeps =\n    pytest-mock\n    py27: mock<2\n    -r{toxinidir}/requirements/ci.txt\nextras = test\n"
NOX = 'def tests(session):\n    session.install("-e", ".[test]")\n    session.install("coverage", "pytest-xdist>=2")\n'
PACKAGE = {"scripts": {"test": "NODE_ENV=test jest --ci"}, "devDependencies": {"jest": "^29"}}


def found(files: dict[str, str], folder: str = "") -> Recipe:
    wanted = wanted_files([*files], folder)
    return detect({path: files[path].encode() for path in wanted}, [*files], folder)


def commands(recipe: Recipe) -> str:
    return "\n".join(command for step in recipe.steps for command in step.commands)


@pytest.mark.parametrize(
    ("lock", "tool", "words"),
    [
        ("uv.lock", "uv", "uv sync --inexact --quiet --frozen '--extra' 'test'"),
        ("poetry.lock", "poetry", "poetry install --no-interaction --quiet '--extra' 'test'"),
        ("pdm.lock", "pdm", "pdm install --frozen-lockfile --quiet '-G' 'test'"),
        ("Pipfile.lock", "pipenv", "pipenv requirements --dev"),
    ],
)
def test_a_lock_file_comes_first(lock, tool, words):
    text = "{}" if lock == "Pipfile.lock" else ""
    recipe = found({lock: text, "pyproject.toml": PYPROJECT, "requirements.txt": "other\n", "a.py": ""})
    assert words in commands(recipe)
    assert f"Install {tool}" in [step.title for step in recipe.steps]
    assert "requirements.txt" not in commands(recipe)
    assert (recipe.python, recipe.languages, recipe.path) == (">=3.10", ("python",), ("venv/bin",))


def test_manifests_install_the_project_with_what_tests_are_called():
    recipe = found({"pyproject.toml": PYPROJECT, "tests/test_a.py": ""})
    assert "-e '.[test]'" in commands(recipe)
    assert "sphinx" not in commands(recipe)
    assert "pytest --collect-only" in recipe.check
    assert {"six", "pytest"} <= {*recipe.declared}


def test_groups_include_others_and_development_counts_only_without_tests():
    assert "'pytest' 'six'" in commands(found({"pyproject.toml": GROUPS, "a.py": ""}))
    both = PYPROJECT.replace("docs =", "dev =")
    assert "-e '.[test]'" in commands(found({"pyproject.toml": both}))
    assert "-e '.[dev]'" in commands(found({"pyproject.toml": both.replace("test =", "other =")}))


def test_tables_of_poetry_tox_and_nox_are_read():
    recipe = found({"pyproject.toml": POETRY, "tox.ini": TOX, "noxfile.py": NOX, "requirements/ci.txt": "attrs\n"})
    text = commands(recipe)
    assert "'pytest>=7.1,<8' 'mocker[x]>=1.2,<1.3'" in text
    assert "-r 'requirements/ci.txt'" in text
    for package in ("'pytest-mock'", "'mock<2'", "'coverage'", "'pytest-xdist>=2'"):
        assert package in text
    assert "own" not in text
    assert recipe.python == "^3.10"


def test_a_setup_program_is_not_run_to_learn_its_extras():
    text = "setup(name='a', extras_require={'test': ['x'], 'docs': []}, python_requires='>=3.8')"
    recipe = found({"setup.py": text})
    assert ("-e '.[test]'" in commands(recipe), recipe.python) == (True, ">=3.8")
    computed = found({"setup.py": "setup(extras_require=extras())"})
    assert "-e '.[test,tests,testing]'" in commands(computed)
    assert "-e ." in commands(computed)


def test_files_for_developers_are_left_out_where_one_is_for_tests():
    files = {f"requirements/{name}.txt": "six\n" for name in ("dev", "typing", "tests", "base")}
    text = commands(found(files))
    assert "-r 'requirements/base.txt' -r 'requirements/tests.txt'" in text
    assert "dev.txt" not in text
    assert "-r 'requirements-dev.txt'" in commands(found({"requirements-dev.txt": "six\n"}))


def test_what_the_image_has_already_needs_no_environment():
    assert found({"shop/prices.py": "", "tests/test_prices.py": ""}).empty
    assert found({"package.json": '{"scripts": {"test": "node --test"}}'}).empty
    assert found({"README.md": ""}).empty


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"package-lock.json": "{}"}, "npm ci"),
        ({"pnpm-lock.yaml": ""}, "pnpm install --frozen-lockfile"),
        ({"yarn.lock": ""}, "yarn install --frozen-lockfile"),
        ({"yarn.lock": "", ".yarnrc.yml": ""}, "yarn install --immutable"),
        ({}, "npm install"),
    ],
)
def test_node_is_installed_as_its_lock_file_says(files, words):
    recipe = found({"package.json": json.dumps(PACKAGE), **files})
    assert words in commands(recipe)
    assert recipe.check == "{ [ -e node_modules/.bin/jest ] || command -v jest; }"
    assert recipe.programs == ("node", "npm")


def test_the_package_manager_is_the_one_that_is_asked_for():
    package = {**PACKAGE, "packageManager": "pnpm@8.15.4+sha256.abc"}
    assert "'pnpm@8.15.4'" in commands(found({"package.json": json.dumps(package), "pnpm-lock.yaml": ""}))


@pytest.mark.parametrize(
    ("name", "text", "program", "words"),
    [
        ("go.mod", "module a", "go", "go mod download"),
        ("Cargo.toml", "[package]", "cargo", "cargo fetch"),
        ("pom.xml", "<project/>", "mvn", "--quiet -DfailIfNoTests=false"),
        ("build.gradle", "", "gradle", "testClasses"),
        ("Makefile", "deps:\n\tcurl\n", "make", "make deps"),
    ],
)
def test_other_languages_fetch_what_they_need(name, text, program, words):
    recipe = found({name: text})
    assert program in recipe.programs
    assert words in commands(recipe)


def test_one_class_of_tests_has_maven_load_what_runs_them():
    files = {
        "pom.xml": "<project/>",
        "src/test/java/shop/PriceListTest.java": "",
        "src/test/java/shop/PriceTest.java": "",
    }
    assert "-Dtest=PriceTest " in commands(found(files))
    assert "test-compile" in commands(found({"pom.xml": "<project/>", "src/test/java/shop/Fixture.java": ""}))
    odd = {"pom.xml": "<project/>", "src/test/java/a;b/X$(id)Test.java": ""}
    assert "$(id)" not in commands(found(odd))


def test_system_packages_come_from_a_table_and_from_hints():
    install = "sudo apt-get install -y libsnappy-dev \\\n      swig"
    workflow = f"steps:\n  - run: sudo apt-get update && {install}\n  - run: pip install oddtool\n"
    text = PYPROJECT.replace('"six"', '"psycopg2"')
    recipe = found({"pyproject.toml": text, ".github/workflows/ci.yml": workflow, "src/a.c": ""})
    assert {"libpq-dev", "libsnappy-dev", "gcc"} <= {*recipe.system}
    assert "oddtool" in recipe.declared


def test_the_script_of_the_repository_wins():
    recipe = found({"pyproject.toml": PYPROJECT, "uv.lock": "", SETUP_SCRIPT: "pip install six\n"})
    assert [step.title for step in recipe.steps] == ["Make a virtual environment", f"Run {SETUP_SCRIPT}"]
    assert SETUP_SCRIPT in dict(recipe.files)


def test_a_folder_of_a_repository_is_a_project_of_its_own():
    files = {"pyproject.toml": POETRY, "packages/shop/pyproject.toml": PYPROJECT, "packages/shop/test_a.py": ""}
    recipe = found(files, "packages/shop")
    assert recipe.folder == "packages/shop"
    assert "-e '.[test]'" in commands(recipe)
    assert "PYTHONPATH='/work/repo/packages/shop'" in recipe.check


def test_the_key_follows_what_is_read_and_nothing_else():
    files = {"pyproject.toml": PYPROJECT, "shop/a.py": "x = 1\n", "src/a.c": "int x;"}
    key = key_of(found(files), "sha256:1")
    assert key == key_of(found({**files, "shop/a.py": "x = 2\n", "README.md": "new"}), "sha256:1")
    assert key != key_of(found({**files, "pyproject.toml": PYPROJECT + "\n"}), "sha256:1")
    assert key != key_of(found({**files, "src/a.c": "int y;"}), "sha256:1")
    assert key != key_of(found(files), "sha256:2")


@pytest.mark.parametrize(
    ("version", "range_"),
    [
        ("^1.2", ">=1.2,<2"),
        ("^0.3.1", ">=0.3.1,<0.4"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("*", ""),
        ("1.5", "==1.5"),
        (">=2,<3", ">=2,<3"),
    ],
)
def test_versions_as_poetry_writes_them(version, range_):
    assert of_poetry("a", version) == f"a{range_}"


_NAMES = """pyproject.toml setup.py setup.cfg tox.ini noxfile.py requirements.txt uv.lock poetry.lock Pipfile PKG-INFO
Pipfile.lock package.json yarn.lock go.mod Cargo.toml pom.xml Makefile .github/workflows/ci.yml Dockerfile a/b.py x.c"""
NAMES = st.sampled_from(_NAMES.split())
TEXTS = st.one_of(
    st.text(max_size=200),
    st.binary(max_size=60).map(lambda data: data.decode(errors="surrogateescape")),
    st.sampled_from(
        [
            PYPROJECT,
            POETRY,
            GROUPS,
            TOX,
            NOX,
            json.dumps(PACKAGE),
            "[1]",
            "project = 1\n",
            "[project]\ndependencies = 3",
        ]
    ),
)


@given(st.dictionaries(NAMES, TEXTS, max_size=8))
def test_no_files_break_it_and_the_same_files_give_the_same_recipe(files):
    raw = {path: text.encode(errors="replace") for path, text in files.items()}
    wanted = {path: raw[path] for path in wanted_files([*raw])}
    recipe = detect(wanted, [*raw])
    assert recipe == detect(dict(reversed(wanted.items())), [*raw])
    assert {path for path, _ in recipe.files} == {*wanted}
    assert recipe.empty == (not recipe.steps)


@given(st.lists(st.text(alphabet=st.characters(blacklist_characters="\0"), max_size=40), min_size=1, max_size=4))
def test_no_requirement_is_more_than_one_word_for_the_shell(words):
    assert shlex.split(quoted(words)) == words


def test_an_option_in_a_group_is_no_requirement():
    text = GROUPS.replace('"pytest"', '"pytest", "--index-url=https://elsewhere.example"')
    assert "elsewhere" not in commands(found({"pyproject.toml": text}))


def test_a_version_that_only_tags_have_is_told():
    """A project of 0.1 would bring a pytest of years ago: what needs it in a later version is resolved backwards."""
    scm = PYPROJECT.replace('"hatchling"', '"setuptools-scm"')
    assert "SETUPTOOLS_SCM_PRETEND_VERSION=99.0 " in commands(found({"pyproject.toml": scm}))
    told = {"pyproject.toml": scm, "PKG-INFO": "Name: shop\nVersion: 1.5.0\nProvides-Extra: test\n"}
    assert "SETUPTOOLS_SCM_PRETEND_VERSION=1.5.0 " in commands(found(told))
    assert "PRETEND" not in commands(found({"pyproject.toml": PYPROJECT}))
