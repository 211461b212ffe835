"""Assertions in logs become tests again."""

import pytest

from service.cli.logged_tests import (
    failed_statements,
    free_names,
    has_tests,
    importable_names,
    plain_body,
    remade,
    shown_tests,
    top_names,
)

CALC = {"calc.py": "LIMIT = 3\n\n\ndef total(numbers):\n    return sum(numbers) - 1\n"}
PYTEST = """\
_______ test_total _______

    def test_total():
        numbers = [1, 2]
        for more in ():
            numbers.append(more)

>       assert total(numbers) == LIMIT
E       assert 2 == 3
"""
TRACEBACK = """\
Traceback (most recent call last):
  File "/app/tests/test_calc.py", line 5, in test_total
    {}
AssertionError
"""


@pytest.mark.parametrize(
    "log",
    [
        PYTEST,
        TRACEBACK.format("assert total([1, 2]) == 3"),
        TRACEBACK.format("self.assertEqual(total([1, 2]), 3)"),
        "Failed example:\n    total([1, 2])\nExpected:\n    3\nGot:\n    2\n",
    ],
)
def test_what_failed_fails_again(log: str) -> None:
    made = remade({"tests": log}, CALC)
    assert made is not None
    assert "from calc import total\n" in made
    names: dict[str, object] = {"LIMIT": 3}
    exec(CALC["calc.py"], names)  # noqa: S102 - the broken file itself
    lines = [line for line in made.splitlines() if not line.startswith("from calc import")]
    exec(compile("\n".join(lines), "made.py", "exec"), names)  # noqa: S102 - what the log of this test says
    test = names["test_1"]
    assert callable(test)
    with pytest.raises(AssertionError):
        test()


@pytest.mark.parametrize(
    "log",
    [
        "it is broken",
        TRACEBACK.format("assert result == 3"),  # nobody knows what the result was made of
        TRACEBACK.format("total([1, 2])"),  # asserts nothing
        TRACEBACK.format("assert 1 == 2"),  # says nothing about the files
        PYTEST.replace("test_total():", "test_total(tmp_path):"),
    ],
)
def test_what_cannot_be_made_again_makes_no_test(log: str) -> None:
    assert remade({"tests": log}, CALC) is None


def test_files_under_src_and_in_packages_are_imported_from_where_they_are() -> None:
    files = {"src/shop/cart.py": "def total(numbers):\n    return 0\n"}
    made = remade({"tests": PYTEST.replace("LIMIT", "3")}, files)
    assert made is not None
    assert "sys.path.insert(0, 'src')" in made
    assert "from shop.cart import total" in made


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("tests/calc.py", True),
        ("test_calc.py", True),
        ("pkg/calc_test.py", True),
        ("contest.py", False),
        ("a.py", False),
    ],
)
def test_files_of_tests_are_known_by_their_names(path: str, expected: bool) -> None:
    assert has_tests({path: ""}) is expected


def test_a_log_is_read_in_small_steps() -> None:
    (lines,) = shown_tests(PYTEST)
    assert lines[-1] == ">       assert total(numbers) == LIMIT"
    assert list(failed_statements(TRACEBACK.format("assert x == 1"))) == ["assert x == 1"]
    assert free_names("y = 1\nassert total(y) == LIMIT") == {"total", "LIMIT"}
    assert free_names("y = 1") is None
    assert free_names("assert (") is None
    assert plain_body("self.assertEqual(a, 1)") == "    assert a == 1"
    assert importable_names({"src/a/b.py": "def f(): ..."}) == {"b": "from a import b", "f": "from a.b import f"}
    assert list(top_names("A = 1\nasync def b(): ...\nclass C: ...\nimport d\n")) == ["A", "b", "C"]
