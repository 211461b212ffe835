"""Benchmark of strategies (E2): how many small bugs are solved, in what time, with what memory, by whom."""

import asyncio
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, TypeAdapter

from domain import Refused, SignoffError, Task, value
from domain.text import yaml_value
from domain.work import Line, Name, Prose
from service.cli.fix import FixRequest, lay_out
from service.settings import Settings
from service.wiring.application import Application, open_application

BASELINE: Final = "repair"
"""What the column of the built-in repair engine alone is called."""
BUNDLED: Final = Path(__file__).with_name("cases.yaml")
CHAT: Final = "chat "


@value
class Case:
    """A small repository with a failing test."""

    name: Name
    about: Line = ""
    task: Prose
    files: Annotated[dict[str, str], Field(min_length=1)]
    accept: Line = "python3 -m pytest -q"


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


_CASES = TypeAdapter(tuple[Case, ...])


def cases(path: Path | None = None, names: Sequence[str] = ()) -> tuple[Case, ...]:
    """Read cases: ours, or those of a YAML file of the same form.

    Raises:
        Refused: ``bench_invalid``: the file is not valid, or there is no case of that name.
    """
    try:
        known = _CASES.validate_python(yaml_value((path or BUNDLED).read_text(encoding="utf-8")))
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
    settings: Settings, strategy: str, selected: Sequence[Case], seen: Callable[[CaseResult], None]
) -> None:
    """Let one strategy work on every case, in an application of its own that is thrown away afterwards."""
    with tempfile.TemporaryDirectory(prefix="signoff-bench-") as folder:
        # A home of its own: no cache and no sandbox of one strategy helps the next one.
        own = settings.model_copy(update={"home": Path(folder) / "home"})
        async with open_application(own, models={} if strategy == BASELINE else None) as application:
            for case in selected:
                seen(await _one(application, strategy, case, Path(folder) / case.name))


async def _one(application: Application, strategy: str, case: Case, repo: Path) -> CaseResult:
    def lay_out_case() -> None:
        repo.mkdir()
        lay_out(FixRequest(files=case.files), repo)

    await asyncio.to_thread(lay_out_case)
    named = application.settings.strategy if strategy == BASELINE else strategy
    task = Task(text=case.task, repo=str(repo), accept=case.accept, deliver="patch", strategy=named)
    started = time.monotonic()
    try:
        run = await application.engine.create(task)
        standing = await application.engine.advance(run.id, None)
    except SignoffError as error:
        return CaseResult(
            strategy=strategy,
            case=case.name,
            solved=False,
            status="refused",
            code=error.stable_code,
            seconds=time.monotonic() - started,
            peak_mb=peak_mb(),
        )
    seconds = time.monotonic() - started
    spent, ending = standing.values.get("spent"), standing.run.ending
    proof, attempts = standing.values.get("proof"), standing.values.get("attempts", ())
    spans = [node.span.name for node in (await application.spans(run.id)).walk()]
    # The models of the chat spans, and the provider of the last change where that was none of them.
    chat_models = [name.removeprefix(CHAT) for name in spans if name.startswith(CHAT)]
    return CaseResult(
        strategy=strategy,
        case=case.name,
        seconds=seconds,
        status=standing.run.status,
        peak_mb=peak_mb(),
        # A change above the automatic tier waits for a person; that it works was proved before.
        solved=(proof is not None and proof.ok) and standing.run.status in {"delivered", "interrupted"},
        code=ending.code if ending else "",
        models=tuple(dict.fromkeys([*chat_models, *(a.provider for a in attempts[-1:] if a.provider)])),
        tokens=spent.tokens_in + spent.tokens_out if spent else 0,
        cost=spent.cost if spent else Decimal(0),
    )


def peak_mb() -> float:
    """The most memory that this process ever had, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(most / (1 << 20 if sys.platform == "darwin" else 1 << 10), 1)


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
