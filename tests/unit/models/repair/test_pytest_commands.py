"""Other runners' commands, searched through pytest."""

from pathlib import Path

import pytest

from models.repair.inside.runner.start import pytest_commands


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text("")
    (tmp_path / "check.py").write_text("")
    return tmp_path


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("python -m unittest tests.test_a", "tests/test_a.py"),
        ("python -m unittest tests.test_a.TestA", "tests/test_a.py"),
        ("python -m unittest discover -s tests", "tests"),
        ("python check.py", "check.py"),
    ],
)
def test_what_a_command_names_is_searched_first(root: Path, command: str, named: str) -> None:
    first, second = pytest_commands(command, root)
    assert first.endswith(named)
    assert second in first


@pytest.mark.parametrize("command", ["make test", "npm test", "echo 'unclosed", ""])
def test_a_command_that_names_nothing_searches_everything(root: Path, command: str) -> None:
    assert len(pytest_commands(command, root)) == 1
