"""What a command asks for, and what it says when something is missing."""

from pathlib import Path

import pytest

from models.repair.inside.runner.start import Refusal, lacking, widened


@pytest.mark.parametrize(
    ("command", "wide", "inside", "outside"),
    [
        ("pytest -q tests/test_a.py::test_x", "pytest -q tests/test_a.py", "test_x[1-2]", "test_xy"),
        ("pytest 'tests/test_a.py::T::test_x' -x", "pytest 'tests/test_a.py' -x", "T::test_x", "T::test_y"),
        ("pytest tests/test_a.py::T", "pytest tests/test_a.py", "T::test_y", "U::test_y"),
    ],
)
def test_other_tests_of_the_file_run_but_are_not_wanted(tmp_path, command, wide, inside, outside):
    text, wanted = widened(command, tmp_path)
    assert text == wide
    file = str((tmp_path / "tests/test_a.py").resolve())
    assert (f"tests/test_a.py::{inside}", file) in wanted
    assert (f"tests/test_a.py::{outside}", file) not in wanted
    assert (f"tests/test_a.py::{inside}", str(tmp_path / "other.py")) not in wanted


@pytest.mark.parametrize("command", ["pytest -q", "make test", "pytest tests/test_a.py -k 'a::b'"])
def test_a_command_without_single_tests_stays_and_wants_everything(command):
    text, wanted = widened(command, Path("/"))
    assert text == command
    assert ("x.py::test_x", "/x.py") in wanted


def test_a_missing_package_is_named_and_one_of_the_repository_is_none(tmp_path):
    (tmp_path / "src" / "shop").mkdir(parents=True)
    lacking("ModuleNotFoundError: No module named 'shop.gone'", tmp_path)
    with pytest.raises(Refusal, match="yaml") as told:
        lacking("E   ModuleNotFoundError: No module named 'yaml'", tmp_path)
    assert told.value.code == "dependency_missing"
    with pytest.raises(Refusal, match="--cov"):
        lacking("error: unrecognized arguments: --cov=shop", tmp_path)
