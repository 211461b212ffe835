import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.evidence import names_test
from domain.reports import (
    cargo_report,
    go_report,
    jest_report,
    maven_report,
    node_report,
    pytest_report,
    read_report,
    unittest_report,
)

PYTEST = """\
..F.s
=========================== short test summary info ============================
FAILED tests/test_a.py::test_b[1-2] - assert 1 == 2
ERROR tests/test_c.py - ImportError: no module
1 failed, 3 passed, 1 skipped, 1 error in 0.12s
"""
UNITTEST = """\
FAIL: test_x (tests.test_a.TestA)
----------------------------------------------------------------------
Ran 5 tests in 0.001s

FAILED (failures=1, skipped=1)
"""
CARGO = "test a::b ... FAILED\ntest result: FAILED. 3 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out\n"
MAVEN = """\
[INFO] Running shop.PriceTest
[ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 1, Time elapsed: 0.242 s <<< FAILURE! - in shop.PriceTest
[ERROR] other(shop.PriceTest)  Time elapsed: 0.016 s  <<< FAILURE!
java.lang.AssertionError: expected:<4> but was:<3>
[INFO] Results:
[ERROR] Failures:
[ERROR]   PriceTest.other:4 expected:<4> but was:<3>
[ERROR] Tests run: 3, Failures: 1, Errors: 0, Skipped: 1
[INFO] Building basket 1.0
[ERROR] shop.BasketTest.full -- Time elapsed: 0.004 s <<< ERROR!
Tests run: 5, Failures: 0, Errors: 1, Skipped: 0
"""
NODE = "# tests 3\n# pass 2\n# fail 1\n# skipped 0\n"
JEST = "Tests:       1 failed, 2 passed, 3 total\n"
GO = "--- FAIL: TestX (0.00s)\nFAIL\nFAIL\texample.com/x\t0.002s\nok  \texample.com/y\t0.001s\n"


@pytest.mark.parametrize(
    ("text", "runner", "counts"),
    [
        (PYTEST, "pytest", (3, 1, 1, 1)),
        (UNITTEST, "unittest", (3, 1, 0, 1)),
        (CARGO, "cargo", (3, 1, 0, 2)),
        (MAVEN, "maven", (5, 1, 1, 1)),
        (NODE, "node", (2, 1, 0, 0)),
        (JEST, "jest", (2, 1, 0, 0)),
        (GO, "go", (1, 1, 0, 0)),
        ("\x1b[32m5 passed\x1b[0m in 0.01s\n", "pytest", (5, 0, 0, 0)),
    ],
)
def test_each_runner_is_read(text: str, runner: str, counts: tuple[int, ...]) -> None:
    report = read_report(text)
    assert report is not None
    assert (report.runner, (report.passed, report.failed, report.errors, report.skipped)) == (runner, counts)


def test_failing_cases_are_named() -> None:
    report = read_report(PYTEST)
    assert report is not None
    assert [case.id for case in report.cases] == ["tests/test_a.py::test_b[1-2]", "tests/test_c.py"]


def test_cases_of_all_modules_of_maven_are_named() -> None:
    report = read_report(MAVEN)
    assert report is not None
    assert [(case.id, case.outcome) for case in report.cases] == [
        ("other(shop.PriceTest)", "failed"),
        ("shop.BasketTest.full", "error"),
    ]


@given(st.text())
def test_any_text_is_read_without_error(text: str) -> None:
    read_report(text)


READERS = {
    "pytest": pytest_report,
    "unittest": unittest_report,
    "cargo": cargo_report,
    "maven": maven_report,
    "node": node_report,
    "jest": jest_report,
    "go": go_report,
}
OUTPUTS = {"pytest": PYTEST, "unittest": UNITTEST, "cargo": CARGO, "maven": MAVEN, "node": NODE, "jest": JEST, "go": GO}


@pytest.mark.parametrize("runner", READERS)
def test_a_runner_reads_its_own_output_and_no_other(runner: str) -> None:
    read = {name for name, text in OUTPUTS.items() if READERS[runner](text) is not None}
    assert read == {runner}


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("Mend tests/test_a.py::test_x", True),
        ("make test_x pass", True),
        ("See tests/test_a.py", True),
        ("make test_xy pass", False),
        ("", False),
    ],
)
def test_a_task_names_a_test_by_its_id_its_file_or_its_name(asked: str, named: bool):
    assert names_test(asked, "tests/test_a.py::test_x[1]") is named
