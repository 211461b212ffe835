import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.weakening import is_test, weakened

GOOD = "def test_a():\n    assert f() == 1\n    assert g() == 2\n\ndef test_b():\n    assert True is f()\n"


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        (None, "deleted_test"),
        (GOOD.split("def test_b", maxsplit=1)[0], "deleted_test"),
        ("import pytest\n@pytest.mark.skip\n" + GOOD, "skipped_test"),
        ("import pytest\n@pytest.mark.xfail\n" + GOOD, "skipped_test"),
        (GOOD.replace("    assert g() == 2\n", ""), "weakened_test"),
        (GOOD.replace("assert f() == 1", "assert True"), "weakened_test"),
    ],
)
def test_what_is_done_to_a_test_is_named(after: str | None, kind: str) -> None:
    found = weakened({"tests/test_x.py": GOOD}, {} if after is None else {"tests/test_x.py": after})
    assert [f.kind for f in found] == [kind]


def test_more_tests_and_other_files_are_fine() -> None:
    assert weakened({"tests/test_x.py": GOOD}, {"tests/test_x.py": GOOD + "\ndef test_c():\n    assert f()\n"}) == ()
    assert weakened({"src/x.py": "assert a\n"}, {"src/x.py": ""}) == ()


@pytest.mark.parametrize(
    "path", ["tests/a.py", "a/test_b.py", "b_test.go", "x.spec.ts", "__tests__/x.js", "conftest.py"]
)
def test_paths_of_tests(path: str) -> None:
    assert is_test(path)


@given(st.text(), st.text())
def test_any_text_can_be_compared(before: str, after: str) -> None:
    weakened({"tests/test_x.py": before}, {"tests/test_x.py": after})
