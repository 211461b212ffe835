"""The image below an environment has the programs and the Python that a recipe calls for, or is said how to build."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import Refused
from sandbox.environments import Recipe
from sandbox.environments.images import BaseImage, chosen_image, python_fits

PLAIN = BaseImage("plain", "sha256:1", "/usr/bin", frozenset({"python3", "make"}), "3.11.2")
BUILD = BaseImage("build", "sha256:2", "/usr/bin", frozenset({"python3", "make", "gcc", "node", "npm"}), "3.12.1")


def test_the_first_that_has_everything_is_taken_and_a_compiler_where_one_may_be_needed():
    assert chosen_image(Recipe(programs=("python3",)), [PLAIN, BUILD]) is PLAIN
    assert chosen_image(Recipe(programs=("node",)), [PLAIN, BUILD]) is BUILD
    assert chosen_image(Recipe(programs=("python3",), system=("libpq-dev",)), [PLAIN, BUILD]) is BUILD
    assert chosen_image(Recipe(programs=("python3",), system=("libpq-dev",)), [PLAIN]) is PLAIN
    assert chosen_image(Recipe(languages=("python",), python=">=3.12"), [PLAIN, BUILD]) is BUILD


@pytest.mark.parametrize(
    ("recipe", "code", "words"),
    [
        (Recipe(programs=("go",)), "program_missing", "sandbox build go"),
        (Recipe(programs=("python3", "node")), "program_missing", "sandbox build node"),
        (Recipe(languages=("python",), python=">=3.13"), "interpreter_missing", "--base python:3.13-slim"),
    ],
)
def test_what_no_image_has_is_named_with_what_to_build(recipe, code, words):
    with pytest.raises(Refused) as refused:
        chosen_image(recipe, [PLAIN])
    assert refused.value.stable_code == code
    assert words in refused.value.hint
    assert "SIGNOFF_SETUP_IMAGES" in refused.value.hint


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ("", True),
        (">=3.9", True),
        (">=3.12", False),
        (">=3.8,<3.11", False),
        ("<4", True),
        ("~=3.10", True),
        ("==3.11.*", True),
        ("==3.12.*", False),
        ("!=3.11.*", False),
        ("^3.10", True),
        ("^3.10 || ^4.0", True),
        (">3.11", False),
        ("odd", True),
    ],
)
def test_versions_of_python(asked, fits):
    assert python_fits(asked, "3.11.2") is fits


@given(st.text(max_size=30), st.text(max_size=10))
def test_any_text_is_a_question(asked, version):
    assert python_fits(asked, version) in {True, False}
