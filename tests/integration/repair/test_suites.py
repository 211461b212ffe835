"""Suites that are not as one would write them: tests that lean on one another, code that runs at import, locks."""

import pytest

from domain import Refused
from tests.integration.repair.proposing import changed, proposed

pytestmark = pytest.mark.slow


async def test_tests_that_need_what_an_earlier_one_left_behind():
    files = {
        "m.py": "def double(n):\n    return n * 3\n\n\ndef half(n):\n    return n / 2\n",
        "test_m.py": """
            import unittest
            from m import double, half

            class Leaning(unittest.TestCase):
                def test_1_left(self):
                    sum(range(1_000_000))  # it comes after the others where quick tests come first
                    Leaning.four = 4

                def test_2_leans(self):
                    assert half(self.four) == 2

                def test_3_leans(self):
                    assert half(self.four + 2) == 3

                def test_4_fails(self):
                    assert double(4) == 8
            """,
    }
    proposal = await proposed(files)
    assert changed(proposal)["m.py"].startswith("def double(n):\n    return n * 2\n")


async def test_a_table_that_is_filled_at_import():
    files = {
        "m.py": """
            RULES = []

            def rule(name, size):
                RULES.insert(0, (name, size + 2))

            rule("a", 1)
            rule("b", 2)

            def size(name):
                return dict(RULES)[name]
            """,
        "test_m.py": """
            from m import size

            def test_a():
                assert size("a") == 2

            def test_b():
                assert size("b") == 3
            """,
    }
    proposal = await proposed(files)
    assert "(name, size + 1)" in changed(proposal)["m.py"]


async def test_candidates_that_wait_for_ever_cost_little_time():
    files = {
        "m.py": """
            import threading

            _LOCK = threading.Lock()
            _BUSY = threading.Event()

            def total(numbers):
                with _LOCK:
                    found = 0
                    for number in numbers:
                        found -= number
                _BUSY.set()
                _BUSY.wait()
                return found
            """,
        "test_m.py": """
            from m import total

            def test_it():
                assert total([1, 2]) == 3
                assert total([4]) == 4
            """,
    }
    assert "found += number" in changed(await proposed(files))["m.py"]


CALC = "def add(a, b):\n    return a - b\n"
TEST_CALC = """
from calc import add

def test_add():
    assert add(1, 2) == 3
    assert add(4, 2) == 6
"""


async def test_warnings_are_errors_and_options_are_the_projects_own():
    """pytest-asyncio of the sandbox warns of a setting; ``--ff`` needs pytest's cache."""
    files = {
        "pyproject.toml": """
            [tool.pytest.ini_options]
            filterwarnings = ["error"]
            addopts = "--ff --strict-config --strict-markers"
            """,
        "calc.py": CALC,
        "test_calc.py": TEST_CALC,
    }
    assert "return a + b" in changed(await proposed(files))["calc.py"]


@pytest.mark.parametrize(
    "accept",
    [
        "cd one && python3 -m pytest -q && cd ../two && python3 -m pytest -q",
        "for each in one two; do (cd $each && python3 -m pytest -q) || exit 1; done",
        "cd two && python3 -m pytest -q test_calc.py::test_add",
        "cd two && PYTHONPATH=. python3 -m unittest test_unit",
    ],
)
async def test_a_project_beside_others_with_files_of_the_same_names(accept: str):
    files = {
        "one/calc.py": CALC.replace("-", "+"),
        "one/test_calc.py": TEST_CALC,
        "two/calc.py": CALC,
        "two/test_calc.py": TEST_CALC,
        "two/test_unit.py": """
            import unittest
            from calc import add

            class TestAdd(unittest.TestCase):
                def test_add(self):
                    self.assertEqual(add(1, 2), 3)
            """,
    }
    assert changed(await proposed(files, accept=accept)) == {"two/calc.py": CALC.replace("-", "+")}


async def test_two_files_of_tests_that_pytest_takes_for_one_are_named():
    files = {
        "calc.py": CALC,
        "a/test_calc.py": TEST_CALC,
        "b/test_calc.py": TEST_CALC,
    }
    with pytest.raises(Refused) as refusal:
        await proposed(files)
    assert "a/test_calc.py" in str(refusal.value)
    assert "--import-mode=importlib" in str(refusal.value)


PROGRAM = """
import sys


def total(numbers):
    found = 0
    for number in numbers:
        found -= number
    return found


if __name__ == "__main__":
    print(total(int(word) for word in sys.argv[1:]))
"""


@pytest.mark.parametrize("start", ['[sys.executable, "add.py"', '[sys.executable, "-m", "add"'])
async def test_a_bug_that_shows_in_a_program_only_which_tests_start(start: str):
    files = {
        "add.py": PROGRAM,
        "other.py": "found = 0\n",
        "test_add.py": f"""
            import subprocess
            import sys

            def run(*words):
                return subprocess.run({start}, *words], capture_output=True, text=True).stdout.strip()

            def test_two():
                assert run("4", "5") == "9"

            def test_none():
                assert run() == "0"

            def test_one():
                assert run("3") == "3"
            """,
    }
    assert changed(await proposed(files))["add.py"] == PROGRAM.replace("-=", "+=")
