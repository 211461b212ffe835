"""Trends of quality: what evaluations came to, kept by version and commit, and the page that is made of them.

``benchmarks/results/quality.jsonl`` has a summary a line, in the order in which they were recorded. A number without
its interval is none: a row shows the rate, where it may lie, what a run cost and how often a person was asked.
"""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter

from domain import Refused
from domain.text import json_value
from service.eval.results import APART, Summary
from service.statistics import wilson

_SUMMARY = TypeAdapter(Summary)
_COLUMNS: Final = (
    "dataset",
    "who",
    "version",
    "resolved",
    "at 95 %",
    "wrong",
    "apart",
    "prompts a run",
    "cost a run",
    "seconds a run",
    "harness",
)


def recorded(path: Path) -> tuple[Summary, ...]:
    """Read the summaries that were recorded; none where there is no such file.

    Raises:
        Refused: ``quality_invalid``, with the line.
    """
    number = 0
    summaries: list[Summary] = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):  # noqa: B007
            if line.strip():
                summaries.append(_SUMMARY.validate_python(json_value(line)))
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        raise Refused(
            f"{path}, line {number}: this is no summary of an evaluation ({str(error)[:200]}).",
            code="quality_invalid",
            hint="signoff eval record FOLDER FILE writes such a file.",
        ) from error
    return tuple(summaries)


def record(path: Path, total: Summary) -> None:
    """Add a summary; the same evaluation at the same commit takes the place of what was recorded of it."""
    others = [each for each in recorded(path) if _identity(each) != _identity(total)]
    lines = [_SUMMARY.dump_json(each) for each in (*others, total)]
    fresh = path.with_suffix(".new")
    fresh.write_bytes(b"".join(line + b"\n" for line in lines))
    fresh.replace(path)


def page(summaries: Sequence[Summary]) -> str:
    """Return the tables of the page: the newest of each dataset and who worked on it, then all of them in order."""
    newest = {(each.dataset, each.strategy, each.model): each for each in summaries}
    parts = ["## Now", _table(list(newest.values())), "## Over time", _table(summaries)]
    return "\n\n".join(parts)


def drops(summaries: Sequence[Summary]) -> tuple[str, ...]:
    """Return what got worse beyond chance: the newest rate lies below the whole interval of the one before it."""
    found: list[str] = []
    by_kind: dict[tuple[str, str, str, str], list[Summary]] = {}
    for each in summaries:
        by_kind.setdefault((each.dataset, each.digest, each.strategy, each.model), []).append(each)
    for (dataset, _, strategy, model), row in by_kind.items():
        for before, after in pairwise(row):
            if wilson(after.resolved, after.judged).value < before.low:
                who = " ".join(filter(None, (strategy, model)))
                found.append(f"{dataset} ({who}): {before.rate:.0%} at {_at(before)}, {after.rate:.0%} at {_at(after)}")
    return tuple(found)


def _table(summaries: Sequence[Summary]) -> str:
    rows = [f"| {' | '.join(_COLUMNS)} |", "|" + "---|" * len(_COLUMNS), *map(_row, summaries)]
    return "\n".join(rows) if summaries else "Nothing was recorded yet."


def _row(total: Summary) -> str:
    runs = max(1, total.attempts)
    apart = sum(count for outcome, count in total.outcomes.items() if outcome in APART) + total.unreadable
    cells = (
        total.dataset,
        " ".join(filter(None, (total.strategy, total.model))),
        _at(total),
        f"{total.resolved} of {total.judged} ({total.rate:.0%})",
        f"{total.low:.0%} to {total.high:.0%}",
        str(total.outcomes.get("wrong", 0)),
        str(apart),
        f"{total.prompts_per_run:.2f}",
        f"{total.cost / runs:.4f}",
        f"{total.seconds_per_run:.1f}",
        f"{total.harness_share:.1%}",
    )
    return f"| {' | '.join(cells)} |"


def _at(total: Summary) -> str:
    return f"{total.version} {total.commit[:7]}".strip()


def _identity(total: Summary) -> tuple[str, ...]:
    return total.dataset, total.digest, total.strategy, total.model, total.version, total.commit
