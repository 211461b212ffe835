"""``signoff bench``: measure what is configured here on small bugs of known kinds."""

import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter
from rich.markup import escape
from rich.table import Table

from approvals import one_line
from domain import Refused
from models.routing import load_catalogue
from service.bench.bench import BenchRow, CaseResult, attempt, cases, rows
from service.bench.charts import bars, draw
from service.cli.terminal import JSON, err, out, print_json
from service.cli.terminal import run as run_async
from service.eval.evaluation import BASELINE
from service.report import plain
from service.settings import Settings, read_settings

app = typer.Typer(help="Measure strategies and models on small bugs.", no_args_is_help=True)

FILE = typer.Option("--cases", help="YAML file with cases of your own, in the form of service/bench/cases.yaml.")
CASE = typer.Option("--case", "-c", help="Only this case; may be given several times.")
_OUTCOME = TypeAdapter(CaseResult)


@app.command()
def strategies(
    strategy: Annotated[list[str] | None, typer.Option("--strategy", "-s", help="One of them; several times.")] = None,
    case: Annotated[list[str] | None, CASE] = None,
    file: Annotated[Path | None, FILE] = None,
    chart: Annotated[Path | None, typer.Option("--chart", help="Draw it: a file that ends with .svg or .png.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Let every strategy work on the same small bugs, and compare success, time, memory and cost.

    The built-in repair engine alone is the baseline; it is all there is without a model endpoint. Each
    strategy runs in a process and a home of its own, one after the other.

    Examples:
      signoff bench strategies

      signoff bench strategies -s balanced -s fast --case first-price --chart strategies.svg
    """

    async def work() -> list[CaseResult]:
        settings = read_settings()
        names = [c.name for c in cases(file, case or ())]
        outcomes_: list[CaseResult] = []
        for name in _strategies(settings, strategy):
            outcomes_ += await _child(name, names, file)
        return outcomes_

    outcomes = run_async(work, as_json=as_json)
    known = {card.id: card.memory_gb for card in load_catalogue(read_settings().catalogue).models}

    def of(model: str) -> float:
        return known.get(model, 0.0)

    table = rows(outcomes, of)
    if as_json:
        print_json({"strategies": [plain(row) for row in table], "outcomes": [plain(o) for o in outcomes]})
    else:
        out().print(_table(table))
        out().print(bars(table), highlight=False)
    if chart is not None:
        draw(table, chart)
        err().print(f"drawn: {chart}")


@app.command(hidden=True)
def one(
    strategy: str,
    case: Annotated[list[str] | None, CASE] = None,
    file: Annotated[Path | None, FILE] = None,
) -> None:
    """Let one strategy work on the cases in this process, and print a line of JSON for each."""

    def seen(outcome: CaseResult) -> None:
        typer.echo(_OUTCOME.dump_json(outcome))

    async def work() -> None:
        await attempt(read_settings(), strategy, cases(file, case or ()), seen)

    run_async(work)


def _strategies(settings: Settings, named: Sequence[str] | None) -> list[str]:
    """Those that are asked for, or all; the baseline comes first.

    Raises:
        Refused: ``unknown_strategy``.
    """
    catalogue = load_catalogue(settings.catalogue)
    for name in named or ():
        if name != BASELINE:
            catalogue.strategy(name)
    if named:
        return list(dict.fromkeys(named))
    # Without a model every strategy would be the baseline again.
    anybody = settings.model_base_url or any(card.endpoint for card in catalogue.models)
    return [BASELINE, *(catalogue.strategies if anybody else ())]


async def _child(strategy: str, names: Sequence[str], file: Path | None) -> list[CaseResult]:
    """Run one strategy in a process of its own, so that its memory is its own; say how each case went.

    Raises:
        Refused: ``bench_failed``: the process ended before its last case.
    """
    options = [word for name in names for word in ("--case", name)] + (["--cases", str(file)] if file else [])
    # By the interpreter that runs now: ``signoff`` need not be on the PATH.
    command = [sys.executable, "-c", "from service.cli.app import main; main()", "bench", "one", strategy, *options]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert child.stdout is not None  # noqa: S101  it was asked for
    results: list[CaseResult] = []
    try:
        async for line in child.stdout:
            results.append(_OUTCOME.validate_json(line))
            o = results[-1]
            mark = "[green]solved[/]" if o.solved else f"[red]{o.code or o.status}[/]"
            err().print(
                f"{o.strategy:>12}  {escape(f'{one_line(o.case):<14}')} {o.seconds:6.1f} s  {mark}", highlight=False
            )
    finally:
        # Interrupted: it must not go on measuring alone.
        if child.returncode is None and len(results) < len(names):
            child.terminate()
        await child.wait()
    if len(results) < len(names):
        raise Refused(
            f"The strategy {strategy} could not be measured; see above.",
            code="bench_failed",
            hint="Run `signoff doctor`, then try again.",
        )
    return results


def _table(table: Sequence[BenchRow]) -> Table:
    grid = Table(box=None)
    for column in ("strategy", "solved", "time", "peak memory", "models' memory", "tokens", "cost", "models"):
        grid.add_column(column, justify="left" if column in {"strategy", "models"} else "right")
    for row in table:
        grid.add_row(
            row.strategy,
            f"{row.solved}/{row.cases}",
            f"{row.seconds:.1f} s",
            f"{row.peak_mb:.0f} MB",
            f"{row.models_gb:g} GB" if row.models_gb else "—",
            f"{row.tokens:,}",
            f"{row.cost:.4f}",
            ", ".join(row.models) or "—",
        )
    return grid
