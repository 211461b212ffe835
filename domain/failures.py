"""Say what kind of failure an output shows (F2). Pure; the rules are a table anybody can audit."""

import re

from domain.evidence import FailureKind
from domain.text.untrusted import clipped

_RULES: tuple[tuple[FailureKind, re.Pattern[str]], ...] = (
    (
        "build",
        re.compile(
            r"^E?[ \t]*(SyntaxError|IndentationError|ImportError|ModuleNotFoundError)\b|error\[E\d+\]|could not compile"
            r"|cannot find (package|module)|undefined: |SyntaxError:|error: linking|collected 0 items / \d",
            re.MULTILINE,
        ),
    ),
    (
        "types",
        re.compile(
            r"error TS\d|\[(arg-type|assignment|return-value|attr-defined|call-arg)\]|- error: .{0,500}\(report\w"
        ),
    ),
    ("style", re.compile(r"^\S+:\d+:\d+: [A-Z]{1,4}\d{3,4} |would reformat|\d problems? \(\d", re.MULTILINE)),
    ("docs", re.compile(r"sphinx|mkdocs|WARNING: document isn't included|broken link", re.IGNORECASE)),
    ("tests", re.compile(r"\d failed|FAILED|AssertionError|--- FAIL|assertion .{0,500}failed|not ok \d", re.MULTILINE)),
)


def failure_kind(output: str) -> FailureKind:
    """Return the first kind whose rule matches, else ``general``."""
    text = clipped(output)
    for kind, rule in _RULES:
        if rule.search(text):
            return kind
    return "general"
