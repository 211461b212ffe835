"""Test reports: counts and failing cases, read out of what test runners print. Pure.

Known are pytest, unittest, go, cargo, Maven's Surefire, node and jest.

The output is whatever the tests of a repository choose to print, so every pattern here costs no more than the length of
the text: blanks at the start of a line never run over its end, and a number is only looked at from its first digit.
"""

import re
from collections.abc import Callable

from domain.evidence import TestCase, TestReport
from domain.text.untrusted import clipped, whole_number

__all__ = ["read_report"]

_MESSAGE = 400
_CASES = 200

_PYTEST_END = re.compile(r"^=*[ \t]*((?:\d+ [a-z]+(?:, )?)+) in [\d.]+s", re.MULTILINE)
_PYTEST_COUNT = re.compile(r"(?<!\d)(\d+) (passed|failed|errors?|skipped|xfailed|xpassed)")
_PYTEST_CASE = re.compile(r"^(FAILED|ERROR) (\S+?)(?: - (.*))?$", re.MULTILINE)
_UNITTEST_END = re.compile(r"^Ran (\d+) tests? in [\d.]+s\s+^(OK|FAILED)(?: \((.*)\))?", re.MULTILINE)
_UNITTEST_COUNT = re.compile(r"\b(failures|errors|skipped)=(\d+)")
_UNITTEST_CASE = re.compile(r"^(FAIL|ERROR): (\S+ \(\S+\)|\S+)", re.MULTILINE)
_GO_CASE = re.compile(r"^[ \t]*--- (PASS|FAIL|SKIP): (\S+)", re.MULTILINE)
_GO_PACKAGE = re.compile(r"^(ok|FAIL)[ \t]+\S+[ \t]+(?:[\d.]+s|\(cached\)|\[)", re.MULTILINE)
_CARGO_END = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored", re.MULTILINE)
_CARGO_CASE = re.compile(r"^test (\S+) \.\.\. FAILED", re.MULTILINE)
_MAVEN_END = re.compile(
    r"^(?:\[[A-Z]+\] )?Tests run: (\d+), Failures: (\d+), Errors: (\d+), Skipped: (\d+)[ \t]*$", re.MULTILINE
)
_MAVEN_CASE = re.compile(
    r"^(?:\[ERROR\] )?(\S{1,400}) {1,3}(?:-- )?Time elapsed: [\d.]+ s(?:ec)? {1,3}<<< (FAILURE|ERROR)!", re.MULTILINE
)
_NODE_COUNT = re.compile(r"^[#\u2139] (pass|fail|skipped|todo) (\d+)", re.MULTILINE)
_JEST_END = re.compile(r"^[ \t]*Tests:?[ \t]+(\S.*)$", re.MULTILINE)
_JEST_COUNT = re.compile(r"(?<!\d)(\d+) (passed|failed|skipped|todo|total)")


def pytest_report(text: str) -> TestReport | None:
    ends = list(_PYTEST_END.finditer(text))
    if not ends:
        return None
    counts = {
        name.rstrip("s") if name.startswith("error") else name: whole_number(n)
        for n, name in _PYTEST_COUNT.findall(ends[-1][1])
    }
    cases = tuple(
        TestCase(id=m[2], outcome="failed" if m[1] == "FAILED" else "error", message=(m[3] or "")[:_MESSAGE])
        for m in list(_PYTEST_CASE.finditer(text))[:_CASES]
    )
    return TestReport(
        runner="pytest",
        # A test that passes although it is expected to fail: where the project is strict, pytest counts it as failed.
        passed=counts.get("passed", 0) + counts.get("xpassed", 0),
        failed=counts.get("failed", 0),
        errors=counts.get("error", 0),
        skipped=counts.get("skipped", 0) + counts.get("xfailed", 0),
        cases=cases,
    )


def unittest_report(text: str) -> TestReport | None:
    end = _UNITTEST_END.search(text)
    if end is None:
        return None
    counts = {name: whole_number(n) for name, n in _UNITTEST_COUNT.findall(end[3] or "")}
    failed, errors, skipped = (counts.get(k, 0) for k in ("failures", "errors", "skipped"))
    cases = tuple(
        TestCase(id=m[2], outcome="failed" if m[1] == "FAIL" else "error")
        for m in list(_UNITTEST_CASE.finditer(text))[:_CASES]
    )
    # unittest says how many ran, not how many passed.
    passed = max(0, whole_number(end[1]) - failed - errors - skipped)
    return TestReport(runner="unittest", passed=passed, failed=failed, errors=errors, skipped=skipped, cases=cases)


def go_report(text: str) -> TestReport | None:
    cases = _GO_CASE.findall(text)
    packages = _GO_PACKAGE.findall(text)
    if not cases and not packages:
        return None
    seen = [state for state, _ in cases]
    named = tuple(TestCase(id=name, outcome="failed") for state, name in cases[:_CASES] if state == "FAIL")
    # Without -v only failures are printed: packages stand in for what passed.
    passed = seen.count("PASS") or sum(state == "ok" for state in packages)
    failed = seen.count("FAIL") or sum(state == "FAIL" for state in packages)
    return TestReport(runner="go", passed=passed, failed=failed, skipped=seen.count("SKIP"), cases=named)


def cargo_report(text: str) -> TestReport | None:
    ends = [tuple(map(whole_number, counts)) for counts in _CARGO_END.findall(text)]
    if not ends:
        return None
    # cargo ends with a line for each crate, its integration tests and its examples in documentation.
    passed, failed, skipped = (sum(column) for column in zip(*ends, strict=True))
    cases = tuple(TestCase(id=name, outcome="failed") for name in _CARGO_CASE.findall(text)[:_CASES])
    return TestReport(runner="cargo", passed=passed, failed=failed, skipped=skipped, cases=cases)


def maven_report(text: str) -> TestReport | None:
    ends = [tuple(map(whole_number, counts)) for counts in _MAVEN_END.findall(text)]
    if not ends:
        return None
    # One line for each module; those of single classes go on with the time they took.
    run, failed, errors, skipped = (sum(column) for column in zip(*ends, strict=True))
    cases = tuple(
        TestCase(id=name, outcome="failed" if word == "FAILURE" else "error")
        for name, word in _MAVEN_CASE.findall(text)[:_CASES]
    )
    passed = max(0, run - failed - errors - skipped)
    return TestReport(runner="maven", passed=passed, failed=failed, errors=errors, skipped=skipped, cases=cases)


def _counted(runner: str, counts: dict[str, int]) -> TestReport:
    return TestReport(
        runner=runner,
        passed=counts.get("passed", 0) + counts.get("pass", 0),
        failed=counts.get("failed", 0) + counts.get("fail", 0),
        skipped=counts.get("skipped", 0) + counts.get("todo", 0),
    )


def node_report(text: str) -> TestReport | None:
    counts = {name: whole_number(n) for name, n in _NODE_COUNT.findall(text)}
    return _counted("node", counts) if {"pass", "fail"} <= counts.keys() else None


def jest_report(text: str) -> TestReport | None:
    ends = [counts for line in _JEST_END.findall(text) if (counts := _JEST_COUNT.findall(line))]
    return _counted("jest", {name: whole_number(n) for n, name in ends[-1]}) if ends else None


# go comes last: its lines (``ok``, ``FAIL``) are the least specific.
_READERS: tuple[Callable[[str], TestReport | None], ...] = (
    pytest_report,
    unittest_report,
    cargo_report,
    maven_report,
    node_report,
    jest_report,
    go_report,
)
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def read_report(text: str) -> TestReport | None:
    """Return what the first runner recognised in ``text`` reports; None when no runner is recognised.

    Of a text that is very long only the start and the end are read.
    """
    plain = _ANSI.sub("", clipped(text))
    return next((report for read in _READERS if (report := read(plain))), None)
