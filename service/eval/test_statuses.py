"""Test statuses: how each single test ended, read out of what a test runner prints. Pure.

``domain/reports`` reads counts and failures; a dataset names tests that have to pass, so here every test has a name.
Known are pytest's summary (``-rA``), its verbose lines, unittest's verbose lines, ``go test -v`` and cargo.

The output belongs to the repository, which may print what it likes: a name that is said to have passed and failed has
failed, and of pytest only what stands under its last summary counts.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal

TestStatus = Literal["passed", "failed", "skipped"]

_SUMMARY: Final = "short test summary info"
_ANSI = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")
_PYTEST = re.compile(r"^(PASSED|FAILED|ERROR|XFAIL|XPASS) (\S.*)$")
_VERBOSE = re.compile(r"^(\S.*?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL|XPASS)(?: +\[ *\d{1,3}%\])?$")
_UNITTEST = re.compile(r"^(\w{1,300} \([\w.]{1,300}\)) \.\.\. (ok|FAIL|ERROR|skipped\b.{0,300})$")
_GO = re.compile(r"^ {0,40}--- (PASS|FAIL|SKIP): (\S+)")
_CARGO = re.compile(r"^test (\S+) \.\.\. (ok|FAILED|ignored)")
_LINE: Final = 2_000
"""Characters of a line that are looked at: names are shorter, and a line may be as long as a log."""
_MEANING: Final[Mapping[str, TestStatus]] = {
    "PASSED": "passed",
    "XPASS": "passed",
    "XFAIL": "passed",
    "FAILED": "failed",
    "ERROR": "failed",
    "SKIPPED": "skipped",
    "ok": "passed",
    "FAIL": "failed",
    "PASS": "passed",
    "SKIP": "skipped",
    "ignored": "skipped",
}


def test_statuses(output: str) -> dict[str, TestStatus]:
    """Read the status of every test that the output names; of one that is named twice the worse counts."""
    lines = [_ANSI.sub("", line[:_LINE]).rstrip() for line in output.splitlines()]
    last = max((n for n, line in enumerate(lines) if _SUMMARY in line and line.startswith("=")), default=None)
    found: list[tuple[str, str]] = []
    if last is not None:
        for line in lines[last + 1 :]:
            if (match := _PYTEST.match(line)) is not None:
                # Only what failed has a reason after its name.
                name = match[2] if match[1] == "PASSED" else match[2].partition(" - ")[0]
                found.append((name, match[1]))
    else:
        for line in lines:
            if (match := _UNITTEST.match(line) or _CARGO.match(line) or _VERBOSE.match(line)) is not None:
                found.append((match[1], match[2].partition(" ")[0]))
            elif (match := _GO.match(line)) is not None:
                found.append((match[2], match[1]))
    statuses: dict[str, TestStatus] = {}
    for name, word in found:
        status = _MEANING.get(word, "skipped")
        if statuses.get(name) != "failed":
            statuses[name] = status
    return statuses


test_statuses.__test__ = False  # type: ignore[attr-defined]  # pytest takes functions of this name for tests


def not_passed(wanted: Iterable[str], statuses: Mapping[str, TestStatus]) -> tuple[str, ...]:
    """Return those of the wanted tests that did not pass, or did not run.

    SWE-bench's own lists cut a name at its first blank. Such a name stands for all tests that begin with it, and has
    passed when they all have.
    """
    by_word: dict[str, list[TestStatus]] = {}
    for name, status in statuses.items():
        by_word.setdefault(name.partition(" ")[0], []).append(status)

    def passed(name: str) -> bool:
        if name in statuses:
            return statuses[name] == "passed"
        cut: Sequence[TestStatus] = by_word.get(name, ())
        return bool(cut) and all(status == "passed" for status in cut)

    return tuple(name for name in wanted if not passed(name))
