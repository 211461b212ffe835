"""What a project's files say it needs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox import is_manifest, requirements

PYPROJECT = """
[project]
dependencies = ["attrs>=22.2; python_version<'4'", "rich[jupyter]~=13.0"]
[project.optional-dependencies]
Test = ["hypothesis"]
docs = ["sphinx"]
[dependency-groups]
dev = ["pytest-mock", {include-group = "test"}]
test = ["freezegun", {include-group = "dev"}]
lint = ["ruff"]
"""
SETUP_CFG = """
[options]
install_requires =
    six
    toml==1.0
[options.extras_require]
testing = mock
docs = furo
"""
SETUP_PY = """
from setuptools import setup
here = open("nowhere").read()
setup(name=here, install_requires=["click", "six"], tests_require="nose\\npbr",
      extras_require={"test": ["flask"], "x": ["y"]})
"""
PLAIN = """
# a comment
requests==2.0  # another
idna==3.0 \\
    --hash=sha256:aa
-r other.txt
-e .
--index-url https://example.invalid/simple
git+https://example.invalid/x.git
name @ https://example.invalid/x.whl
./local
"""


@pytest.mark.parametrize(
    ("path", "text", "named"),
    [
        (
            "pyproject.toml",
            PYPROJECT,
            ("attrs>=22.2; python_version<'4'", "rich[jupyter]~=13.0", "hypothesis", "pytest-mock", "freezegun"),
        ),
        ("setup.cfg", SETUP_CFG, ("six", "toml==1.0", "mock")),
        ("setup.py", SETUP_PY, ("click", "six", "nose", "pbr", "flask")),
        ("requirements.txt", PLAIN, ("requests==2.0", "idna==3.0")),
        ("pyproject.toml", "", ()),
        ("pyproject.toml", '[project]\ndependencies = ["six;\\r--index-url https://example.invalid"]', ()),
    ],
)
def test_requirements_are_read_and_nothing_else(path, text, named):
    assert requirements({path: text}) == named


def test_a_file_that_cannot_be_read_is_named():
    with pytest.raises(ValueError, match=r"^pyproject\.toml: "):
        requirements({"pyproject.toml": "[project"})
    with pytest.raises(ValueError, match=r"^setup\.py: "):
        requirements({"setup.py": "def"})


def test_which_files_are_read():
    read = (
        "pyproject.toml",
        "requirements.txt",
        "dev-requirements.txt",
        "requirements-test.txt",
        "requirements/ci.txt",
    )
    assert all(is_manifest(path) for path in read)
    left = ("requirements-docs.txt", "vendor/requirements.txt", "requirements.in", "notes.txt", "sub/setup.py")
    assert not any(is_manifest(path) for path in left)


@given(st.sampled_from(["pyproject.toml", "setup.cfg", "setup.py", "requirements.txt"]), st.text())
def test_no_text_does_more_than_be_refused(path, text):
    try:
        named = requirements({path: text})
    except ValueError as error:
        assert str(error).startswith(path)  # noqa: PT017
    else:
        assert not any(line.startswith("-") or "\n" in line or "\r" in line for line in named)
