"""Failure kind: what kind of failure an output shows (F2). Pure; the rules are a table that anybody can audit.

The first rule that matches decides. Linkers and bundlers come before compilers, which say how they ended, too; a
compiler that misses a name comes before a test runner, which only says that nothing could be started.
"""

import re

from domain.evidence import FailureKind
from domain.text.untrusted import clipped


def _rule(kind: FailureKind, *signs: str) -> tuple[FailureKind, re.Pattern[str]]:
    return kind, re.compile("|".join(signs), re.MULTILINE)


_GO = r"^(?:vet: )?[\w./-]{1,300}\.go:\d+:\d+: "
_RULES = (
    _rule(
        "tests", r"There were failing tests", r"There are test failures"
    ),  # of Gradle and Maven: "BUILD FAILED" follows
    _rule(
        "build",
        r"undefined reference to",
        r"undefined symbol: ",
        r"collect2: error",
        r"\bld(?:\.lld|64)?: ",
        r"\bLNK\d{4}\b",
        r"error: linking",
        r"error\[E0463\]",  # a crate that is not there
        r"Module not found: ",
        r"\[vite\]: ",
        r"Rollup failed to resolve",
        r"Failed to resolve import",
        r"Could not resolve [\"'`]",
        r"^ERROR in \S",
        r"Build failed with \d+ error",
        r"ERESOLVE|ETARGET",
        r"CMake Error",
        r"^ninja: build stopped",
        r"BUILD FAIL(?:ED|URE)",
        r"failed to solve: ",
        r"No matching distribution found",
        rf"{_GO}(?:syntax error|cannot find package|no required module)",
        r"cannot find package|no required module provides",
    ),
    _rule(
        "types",
        r"error TS\d{4,5}\b",
        r"\bTS\d{4,5}: ",
        r"^[ \t]*TS\d{4,5}\b",
        r"error CS\d{4}\b",
        r"\[(?:arg-type|assignment|return-value|attr-defined|call-arg|import-not-found|name-defined|union-attr)\]",
        r"^Found \d+ errors? in \d+ files? \(checked",
        r"\(report[A-Z]\w{2,60}\)",
        r"^[ \t]*\S{1,300}:\d+:\d+ - error: ",
        r"error\[E\d{4}\]",
        _GO,
        r"error: incompatible types|error: cannot find symbol",
    ),
    _rule(
        "build",
        r"^E?[ \t]*(?:SyntaxError|IndentationError|ImportError|ModuleNotFoundError)\b",
        r"SyntaxError:",
        r"could not compile",
        r"cannot find module|Cannot find module",
        r"undefined: ",
        r"collected 0 items / \d",
        r"\.(?:c|cc|cpp|cxx|h|hpp|m|ino):\d+:\d+: (?:fatal )?error: ",
        r"^make(?:\[\d+\])?: \*\*\* ",
    ),
    _rule(
        "style",
        r"^\S{1,300}:\d+:\d+: [A-Z]{1,4}\d{3,4} ",
        r"would reformat",
        r"\d problems? \(\d",
        r"Code style issues",
        r"clippy::",
        r"^Diff in /",
    ),
    _rule(
        "tests",
        r"\d failed",
        r"FAILED",
        r"AssertionError",
        r"--- FAIL",
        r"^FAIL[ \t]",
        r"assertion .{0,500}failed",
        r"not ok \d",
        r"Failures: [1-9]",
    ),
    _rule("docs", r"sphinx-build|Sphinx error|mkdocs|MkDocs", r"WARNING: document isn't included", r"[Bb]roken link"),
)
FAILURE_KINDS: dict[str, FailureKind] = {
    "types": "types",
    "type": "types",
    "typing": "types",
    "typecheck": "types",
    "tsc": "types",
    "mypy": "types",
    "pyright": "types",
    "vet": "types",
    "build": "build",
    "compile": "build",
    "link": "build",
    "bundle": "build",
    "tests": "tests",
    "test": "tests",
    "pytest": "tests",
    "jest": "tests",
    "style": "style",
    "lint": "style",
    "format": "style",
    "docs": "docs",
    "doc": "docs",
}
"""What people call the log of a failure, for one whose text says nothing."""


def failure_kind(output: str) -> FailureKind:
    """Return the first kind whose rule matches, else ``general``."""
    text = clipped(output)
    for kind, rule in _RULES:
        if rule.search(text):
            return kind
    return "general"
