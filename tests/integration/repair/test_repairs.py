"""Whole repositories repaired in the local twin of the sandbox."""

from typing import Any

import pytest

from tests.integration.repair.proposing import changed, proposed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(170)]


async def test_a_package_in_src_with_fixtures_classes_and_parameters():
    proposal = await proposed(
        {
            "pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['src']\n",
            "src/shop/__init__.py": "",
            "src/shop/cart.py": """\
            class Cart:
                def __init__(self):
                    self.lines = []

                def add(self, price, count=1):
                    self.lines.append((price, count))

                def total(self):
                    return sum(price + count for price, count in self.lines)
            """,
            "tests/conftest.py": """\
            import pytest
            from shop.cart import Cart

            @pytest.fixture(scope="module")
            def shared():
                return Cart

            @pytest.fixture
            def cart(shared):
                return shared()
            """,
            "tests/test_cart.py": """\
            import pytest

            def test_empty(cart):
                assert cart.total() == 0

            @pytest.mark.parametrize("price, count", [(2, 3), (5, 1), (7, 0)])
            def test_total(cart, price, count):
                cart.add(price, count)
                assert cart.total() == price * count
            """,
        }
    )
    assert "price * count for" in changed(proposal)["src/shop/cart.py"]
    assert proposal.tried > 0
    assert proposal.passing >= 1


async def test_a_loop_without_end():
    proposal = await proposed(
        {
            "halve.py": """\
            def halvings(n):
                count = 0
                while n > 1:
                    n //= 1
                    count += 1
                return count
            """,
            "test_halve.py": """\
            from halve import halvings

            def test_one():
                assert halvings(1) == 0

            def test_many():
                assert [halvings(n) for n in (2, 5, 9, 64)] == [1, 2, 3, 6]
            """,
        }
    )
    assert "n //= 2" in changed(proposal)["halve.py"]


async def test_what_ran_at_import_a_constant_in_another_module():
    proposal = await proposed(
        {
            "rates.py": "TAX = 20\nNAMES = ('a', 'b')\n",
            "price.py": "from rates import TAX\n\n\ndef gross(net):\n    return net + net * TAX / 100\n",
            "test_price.py": """\
            from price import gross
            from rates import TAX

            def test_gross():
                assert gross(100) == 119
                assert gross(200) == 238
                assert TAX == 19
            """,
        }
    )
    assert changed(proposal)["rates.py"].startswith("TAX = 19\n")


async def test_a_bug_spread_over_two_functions():
    proposal = await proposed(
        {
            "dates.py": """\
            def within(day, start, end):
                return start < day <= end


            def days(start, end):
                return end - start + 1
            """,
            "test_dates.py": """\
            from dates import days, within

            def test_first_day_counts():
                assert within(1, 1, 3)

            def test_last_day_counts():
                assert within(3, 1, 3)
                assert not within(4, 1, 3)
                assert not within(0, 1, 3)

            def test_days():
                assert days(2, 5) == 3
                assert days(7, 7) == 0
                assert days(0, 9) == 9
            """,
        }
    )
    text = changed(proposal)["dates.py"]
    made: dict[str, Any] = {}
    exec(text, made)  # noqa: S102 - our own text, one edit away
    assert [made["within"](day, 2, 4) for day in range(1, 6)] == [False, True, True, True, False]
    assert made["days"](3, 8) == 5


async def test_another_runner_is_searched_through_pytest_and_proved_by_itself():
    proposal = await proposed(
        {
            "stack.py": "class Stack(list):\n    def top(self):\n        return self[0]\n",
            "tests/__init__.py": "",
            "tests/test_stack.py": """\
            import unittest
            from stack import Stack

            class TestStack(unittest.TestCase):
                def test_top(self):
                    self.assertEqual(Stack([1, 2]).top(), 2)
                    self.assertEqual(Stack([4, 5, 6]).top(), 6)
            """,
        },
        accept="python3 -m unittest tests.test_stack",
    )
    assert "self[-1]" in changed(proposal)["stack.py"]


async def test_a_test_that_starts_the_program_itself():
    proposal = await proposed(
        {
            "add.py": """\
            import sys

            def total(numbers):
                return sum(numbers) - 1

            if __name__ == "__main__":
                print(total(int(word) for word in sys.argv[1:]))
            """,
            "test_add.py": """\
            import subprocess
            import sys

            from add import total

            def test_function():
                assert total([1, 2]) == 3

            def test_program():
                done = subprocess.run([sys.executable, "add.py", "4", "5"], capture_output=True, text=True)
                assert done.stdout == "9\\n"
            """,
        }
    )
    assert "return sum(numbers)\n" in changed(proposal)["add.py"]
