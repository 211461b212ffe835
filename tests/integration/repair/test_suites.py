"""Suites that are not as one would write them: tests that lean on one another, code that runs at import, locks."""

import pytest

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
