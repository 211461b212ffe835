"""Weakening of tests: what a change deletes, skips or weakens of the tests that judge it. Pure (G5)."""

import ast
import re
from collections.abc import Mapping

from domain.evidence import Finding
from domain.text.untrusted import python_tree

__all__ = ["is_test", "weakened"]

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
    return {next(filter(None, groups)) for groups in _CASE.findall(text)}


def _trivial_asserts(text: str) -> int:
    """Count assertions that cannot fail; unparsable text counts none."""
    tree = python_tree(text)
    nodes = () if tree is None else ast.walk(tree)
    return sum(isinstance(node, ast.Assert) and isinstance(node.test, ast.Constant) for node in nodes)


def weakened(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Finding, ...]:
    """Compare the test files of two trees (path → text of the files that differ; absent = not there)."""
    findings: list[Finding] = []
    for path in sorted(set(before) | set(after)):
        # A new file of tests weakens nothing.
        if not is_test(path) or path not in before:
            continue
        if path not in after:
            findings.append(Finding(kind="deleted_test", path=path, message="a file of tests was deleted"))
            continue
        old, new = before[path], after[path]
        if gone := sorted(_cases(old) - _cases(new)):
            findings.append(Finding(kind="deleted_test", path=path, message=f"tests removed: {', '.join(gone[:10])}"))
        # Counted, not compared by name: a skipped test that was only moved is none more.
        if len(_SKIP.findall(new)) > len(_SKIP.findall(old)):
            message = "a test is skipped or expected to fail that was not before"
            findings.append(Finding(kind="skipped_test", path=path, message=message))
        # A test that is gone took its assertions along: that was said already.
        fewer = len(_ASSERT.findall(old)) - len(_ASSERT.findall(new))
        if fewer > 0 and not gone:
            findings.append(Finding(kind="weakened_test", path=path, message=f"{fewer} fewer assertions than before"))
        elif _trivial_asserts(new) > _trivial_asserts(old):
            message = "an assertion that cannot fail was added"
            findings.append(Finding(kind="weakened_test", path=path, message=message))
    return tuple(findings)
