"""Suite of tests before and after a change: deleted, skipped or weakened (G5), fixed, broken or red as before. Pure.

A suite that is already red does not block: what failed before and has nothing to do with the task may still fail.
Nothing that passed may fail, and what the task names must pass.
"""

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass

from domain.evidence import CommandRun, Finding, TestReport
from domain.text.untrusted import python_tree

_TEST_PATH = re.compile(
    r"(^|/)(tests?|__tests__|spec)/|(^|/)(test_[^/]*|[^/]*_test|conftest)\.(py|go|rs)$|\.(test|spec)\.[cm]?[jt]sx?$"
)
_SKIP = re.compile(
    r"\bskip(If|Unless|Test|if)?\b|\bxfail\b|\bxit\(|\bxdescribe\(|\.skip\(|\.only\(|#\[ignore|t\.Skip|importorskip"
)
_ASSERT = re.compile(r"\bassert\w*\b|\bexpect\(|\bpytest\.raises\b|\bself\.fail\b|\bt\.(Error|Fatal)|\brequire\.")
_CASE = re.compile(
    r"^[^\S\n]*(?:async\s+)?(?:def\s+(test\w*)|func\s+(Test\w*)|(?:it|test)\(\s*(['\"`].*?['\"`]))", re.MULTILINE
)


def is_test(path: str) -> bool:
    """Tell whether a path holds tests or steers how they run."""
    return bool(_TEST_PATH.search(path))


def _cases(text: str) -> set[str]:
    return {next(filter(None, found)) for found in _CASE.findall(text)}


def _trivial_asserts(text: str) -> int:
    """Count assertions that cannot fail; unparsable text counts none."""
    tree = python_tree(text)
    nodes = () if tree is None else ast.walk(tree)
    return sum(isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant) for node in nodes)


def weakened(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Finding, ...]:
    """Compare the test files of two trees (path → text of the files that differ; absent = not there)."""
    findings: list[Finding] = []
    for path in sorted(set(before) | set(after)):
        if not is_test(path) or path not in before:
            continue
        if path not in after:
            findings.append(Finding(kind="deleted_test", path=path, message="a file of tests was deleted"))
            continue
        old, new = before[path], after[path]
        if gone := sorted(_cases(old) - _cases(new)):
            findings.append(Finding(kind="deleted_test", path=path, message=f"tests removed: {', '.join(gone[:10])}"))
        if len(_SKIP.findall(new)) > len(_SKIP.findall(old)):
            message = "a test is skipped or expected to fail that was not before"
            findings.append(Finding(kind="skipped_test", path=path, message=message))
        fewer = len(_ASSERT.findall(old)) - len(_ASSERT.findall(new))
        if fewer > 0 and not gone:
            findings.append(Finding(kind="weakened_test", path=path, message=f"{fewer} fewer assertions than before"))
        elif _trivial_asserts(new) > _trivial_asserts(old):
            message = "an assertion that cannot fail was added"
            findings.append(Finding(kind="weakened_test", path=path, message=message))
    return tuple(findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Failing tests before a change and after it, by their ids."""

    fixed: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    """They fail now and did not fail before."""
    still_failing: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    """Those that still fail and that the task or its acceptance command names."""

    @property
    def harmless(self) -> bool:
        """True when all that fails failed before, and nothing of it was asked for."""
        return not self.broken and not self.named


def compared_with_baseline(
    before: tuple[CommandRun, TestReport | None], after: tuple[CommandRun, TestReport | None], *, asked: str
) -> Comparison | None:
    """Compare two runs of the acceptance command; None where they cannot be, and its exit code decides alone.

    Args:
        before: on the base, with its counts.
        after: with the change.
        asked: the words of the task and the acceptance command.
    """
    (base, base_report), (run, report) = before, after
    if base.ok or base_report is None or report is None or (base.ended, run.ended) != ("exit", "exit"):
        return None
    # Only where every failing test is named can one be sure that no other one fails.
    if not all(each.cases and len(each.cases) == each.failed + each.errors for each in (base_report, report)):
        return None
    failed_before, failing = ({case.id for case in each.cases} for each in (base_report, report))
    if report.passed < base_report.passed:
        return None
    still = sorted(failed_before & failing)
    return Comparison(
        fixed=tuple(sorted(failed_before - failing)),
        broken=tuple(sorted(failing - failed_before)),
        still_failing=tuple(still),
        named=tuple(each for each in still if _names(asked, each)),
    )


def _names(asked: str, test: str) -> bool:
    """Whether a text speaks of a test: by its id, its file, or its own name as a word."""
    file, _, rest = test.partition("::")
    own = (rest or file).rsplit("::", 1)[-1].partition("[")[0].partition(" ")[0]
    words = set("".join(char if char.isalnum() or char == "_" else " " for char in asked).split())
    return test in asked or (bool(rest) and file in asked) or own in words
