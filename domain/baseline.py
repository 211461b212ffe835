"""Baseline comparison: what a change did to a suite of tests that failed before it. Pure.

A suite that is already red does not block: what failed before and has nothing to do with the task may still fail.
Nothing that passed may fail, and what the task names must pass.
"""

from dataclasses import dataclass

from domain.evidence import CommandRun, TestReport


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
