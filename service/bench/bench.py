"""Benchmark of strategies (E2): how many small bugs are solved, in what time, with what memory, by whom."""

import tempfile
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final

from domain import Refused, value
from domain.work import Name
from service.eval.dataset import SmallBug, case_of_bug, small_bugs
from service.eval.evaluation import Evaluation, manifest_of
from service.eval.results import AttemptResult, ResultsFolder
from service.settings import Settings

BUNDLED: Final = Path(__file__).with_name("cases.yaml")


@value
class CaseResult:
    """How one strategy did on one case."""

    strategy: Name
    case: Name
    solved: bool
    """The acceptance command passed on a clean checkout."""
    status: Name
    code: Name = ""
    seconds: float
    models: tuple[Name, ...] = ()
    """Who was asked, and the repair engine where it was its change."""
    tokens: int = 0
    cost: Decimal = Decimal(0)
    peak_mb: float = 0.0
    """Of the process of this strategy until now."""


@value
class BenchRow:
    """How one strategy did on all cases."""

    strategy: Name
    solved: int
    cases: int
    seconds: float
    peak_mb: float
    models: tuple[Name, ...]
    models_gb: float
    """What the models that were used take together, as the catalogue says; 0: it does not know them."""
    tokens: int
    cost: Decimal


def cases(path: Path | None = None, names: Sequence[str] = ()) -> tuple[SmallBug, ...]:
    """Read cases: ours, or those of a YAML file of the same form.

    Raises:
        Refused: ``bench_invalid``: the file is not valid, or there is no case of that name.
    """
    try:
        known = small_bugs((path or BUNDLED).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Refused(
            f"{path or BUNDLED} has no cases: {str(error)[:500]}",
            code="bench_invalid",
            hint="Each case has name, task, files and, if it is not pytest, accept.",
        ) from error
    if unknown := set(names) - {case.name for case in known}:
        raise Refused(
            f"There is no case {', '.join(sorted(unknown))}.",
            code="bench_invalid",
            hint="There are: " + ", ".join(case.name for case in known),
        )
    return tuple(case for case in known if not names or case.name in names)


async def attempt(
    settings: Settings, strategy: str, selected: Sequence[SmallBug], seen: Callable[[CaseResult], None]
) -> None:
    """Let one strategy work on every case, as an evaluation that is thrown away afterwards."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as folder:
        own = [case_of_bug(case) for case in selected]
        # A home of its own: no cache and no sandbox of one strategy helps the next one.
        kept = ResultsFolder(Path(folder))
        kept.begin(manifest_of("bench", "", own, k=1, strategy=strategy, model=settings.model or ""))
        evaluation = Evaluation(settings=settings, folder=kept, cases=own, strategy=strategy)
        await evaluation.run(lambda result: seen(case_result(strategy, result)))


def case_result(strategy: str, result: AttemptResult) -> CaseResult:
    """How an attempt counts here: what was proved and is delivered, or waits for a signature, is solved."""
    return CaseResult(
        strategy=strategy,
        case=result.case,
        solved=result.outcome == "resolved",
        status=result.status or result.outcome,
        code=result.code,
        seconds=result.run_seconds or result.seconds,
        models=result.models,
        tokens=result.tokens_in + result.tokens_out,
        cost=result.cost,
        peak_mb=result.peak_mb,
    )


def rows(outcomes: Sequence[CaseResult], gigabytes: Callable[[str], float]) -> tuple[BenchRow, ...]:
    """One row per strategy, in the order in which they ran. ``gigabytes`` knows what a model takes."""
    table: list[BenchRow] = []
    for strategy in dict.fromkeys(outcome.strategy for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.strategy == strategy]
        models = tuple(dict.fromkeys(model for outcome in own for model in outcome.models))
        table.append(
            BenchRow(
                strategy=strategy,
                solved=sum(o.solved for o in own),
                cases=len(own),
                seconds=sum(o.seconds for o in own),
                peak_mb=max(o.peak_mb for o in own),
                models=models,
                models_gb=sum(map(gigabytes, models)),
                tokens=sum(o.tokens for o in own),
                cost=sum((o.cost for o in own), Decimal(0)),
            )
        )
    return tuple(table)
