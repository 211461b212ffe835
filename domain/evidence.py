"""Evidence: commands that ran, tests that were counted, findings drawn from them.

A command that failed is a value of this module. A sandbox that could not run it is an exception.
"""

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from domain._value import value

__all__ = [
    "Candidate",
    "CommandRun",
    "Comparison",
    "Crossing",
    "Evidence",
    "FailureKind",
    "Finding",
    "LeftOut",
    "Outcome",
    "Output",
    "Proof",
    "TestCase",
    "TestReport",
    "compared_with_baseline",
]

Ended = Literal["exit", "signal", "timeout", "oom", "cancelled"]
Outcome = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
FailureKind = Literal["types", "build", "tests", "style", "docs", "general"]


@value
class Output:
    """One stream of a command: its head and tail, bytes as they were, the middle only counted."""

    head: bytes = b""
    tail: bytes = b""
    dropped: int = 0
    """Bytes between head and tail that were read and thrown away."""

    def text(self) -> str:
        """Decode for a reader: invalid bytes are escaped, the gap is named."""
        gap = f"\n… {self.dropped} bytes left out …\n" if self.dropped else ""
        return self.head.decode(errors="backslashreplace") + gap + self.tail.decode(errors="backslashreplace")


@value
class CommandRun:
    """One command that ran in a sandbox, whatever became of it."""

    command: str
    ended: Ended
    code: int
    """Exit code, or the number of the signal when ``ended`` is not ``exit``."""
    stdout: Output = Field(default_factory=Output)
    stderr: Output = Field(default_factory=Output)
    duration_ms: float = 0.0

    @property
    def ok(self) -> bool:
        """True when the command ended by itself with exit code 0."""
        return self.ended == "exit" and self.code == 0


@value
class TestCase:
    __test__ = False

    id: str
    outcome: Outcome
    message: str = ""


@value
class TestReport:
    """Counts of one test run, read from the runner's own report where there is one."""

    __test__ = False

    runner: str = ""
    passed: int = 0
    failed: int = 0
    errors: int = 0
    skipped: int = 0
    cases: Annotated[tuple[TestCase, ...], Field(max_length=5_000)] = ()
    """The cases that did not pass, at least; all of them where the runner tells."""

    @property
    def summary(self) -> str:
        """Counts in words: ``3 failed, 35 passed``."""
        parts = ((self.failed, "failed"), (self.errors, "errors"), (self.passed, "passed"), (self.skipped, "skipped"))
        return ", ".join(f"{count} {name}" for count, name in parts if count) or "no tests"


@value
class Finding:
    """Something about the change that a person or the planner must know."""

    kind: Literal[
        "tests_failed",
        "command_failed",
        "weakened_test",
        "deleted_test",
        "skipped_test",
        "secret",
        "loop",
        "stale_evidence",
        "reviewer",
        "scope",
        "several_fixes",
        "unproved",
        "limit",
    ]
    message: str
    path: str = ""
    blocking: bool = True

    @property
    def fingerprint(self) -> str:
        """Equal for the same finding in two rounds."""
        return f"{self.kind}\0{self.path}\0{self.message}"


@value
class Crossing:
    """A candidate, run with the tests that another one wrote laid over its files."""

    tests_of: str
    """Id of the other one."""
    passed: bool
    """Nothing fails that did not fail without them."""
    summary: str = ""


@value
class Candidate:
    """One of several proposed changes, and how it did when it was run (n-best by evidence, F4)."""

    id: str
    provider: str
    builds: bool = False
    reproduction_passed: bool = False
    regression_passed: bool = False
    score: float = 0.0
    """Share of the tests that pass."""
    behaviour: str = ""
    """Equal for candidates after which the same tests fail."""
    review: float | None = None
    """The reviewer's score from 0 to 1; None: nobody had to be asked, or nobody could be."""
    diff_lines: int = 0
    tokens: int = 0
    duration_ms: float = 0.0
    note: str = ""
    tree: str = ""
    """Git tree id of the change on its base, where the candidate was a loop of its own."""
    crossed: tuple[Crossing, ...] = ()
    """With the tests of each of the others that wrote some."""


@value
class Evidence:
    """What ``observe`` made of one attempt."""

    step: str
    attempt: int
    runs: tuple[CommandRun, ...] = ()
    report: TestReport | None = None
    findings: tuple[Finding, ...] = ()
    failure: FailureKind | None = None
    tree: str = ""
    """Git tree id of the workspace after the attempt."""
    action: str = ""
    """Digest of what was done: equal for the same action twice."""
    still_failing: tuple[str, ...] = ()
    """Tests at which the last command failed, where all of them failed before the change, too: that does not count."""

    @property
    def ok(self) -> bool:
        """True when every command passed, or failed as it did before, and nothing blocking was found."""
        runs = self.runs[:-1] if self.still_failing else self.runs
        return all(run.ok for run in runs) and not any(f.blocking for f in self.findings)


@value
class LeftOut:
    """What commands left in the workspace and nobody asked for: it is no part of the change."""

    path: str
    """A folder ends in a slash and stands for everything that is new in it."""
    how: Literal["new", "changed", "deleted", "ignored"]
    """``ignored``: new, and git would not see it."""


@value
class Proof:
    """The verdict of the acceptance command, run by us on a clean checkout of ``tree`` (G5)."""

    command: str
    tree: str
    run: CommandRun
    report: TestReport | None = None
    base: CommandRun | None = None
    """The same command on the base, or on the base with nothing but the change's tests; None: it was not run there."""
    base_report: TestReport | None = None
    base_with: Literal["", "nothing", "tests"] = ""
    """What of the change was on the base when ``base`` ran: nothing, or its tests alone."""
    fixed: tuple[str, ...] = ()
    """Tests that failed on the base and pass now, where the suite was and is red."""
    still_failing: tuple[str, ...] = ()
    """Tests at which ``run`` failed, where all of them failed on the base, too, and the task is not about them."""
    flaky: tuple[str, ...] = ()
    """Tests that failed in one of two runs on the same tree and passed in the other."""

    @property
    def ok(self) -> bool:
        """True when the command passed, or fails as it did before in nothing that the change is about."""
        return self.run.ok or bool(self.still_failing)

    @property
    def red_first(self) -> bool:
        """True when the command failed without the change, so that it proves something that it passes with it."""
        return self.base is not None and not self.base.ok and (self.run.ok or bool(self.fixed))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Failing tests before a change and after it, by their ids.

    A suite that is already red does not block: what failed before and has nothing to do with the task may still fail.
    Nothing that passed may fail, and what the task names must pass.
    """

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
    # A run that was killed says nothing of the tests that it did not come to.
    if base.ok or base_report is None or report is None or (base.ended, run.ended) != ("exit", "exit"):
        return None
    # Only where every failing test is named can one be sure that no other one fails.
    if not all(each.cases and len(each.cases) == each.failed + each.errors for each in (base_report, report)):
        return None
    failed_before, failing = ({case.id for case in each.cases} for each in (base_report, report))
    # A test that is not run any more fails no more, and would look as if it were mended.
    if report.passed < base_report.passed:
        return None
    still = sorted(failed_before & failing)
    return Comparison(
        fixed=tuple(sorted(failed_before - failing)),
        broken=tuple(sorted(failing - failed_before)),
        still_failing=tuple(still),
        named=tuple(each for each in still if names_test(asked, each)),
    )


def names_test(asked: str, test: str) -> bool:
    """Whether a text speaks of a test: by its id, its file, or its own name as a word."""
    file, _, rest = test.partition("::")
    own = (rest or file).rsplit("::", 1)[-1].partition("[")[0].partition(" ")[0]
    words = set("".join(char if char.isalnum() or char == "_" else " " for char in asked).split())
    return test in asked or (bool(rest) and file in asked) or own in words
