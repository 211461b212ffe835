"""``signoff eval``: let the product work on a dataset, judge it by tests that it did not see, and compare."""

import hashlib
import json
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.markup import escape
from rich.text import Text
from typer.core import TyperGroup

from approvals import one_line
from domain import Refused, value
from models.routing import load_catalogue
from service import report
from service.cli.terminal import JSON, err, out, print_json
from service.cli.terminal import run as run_async
from service.eval.attempts import AttemptLimits
from service.eval.compare import compared
from service.eval.dataset import Dataset, EvalCase, UnreadableLine, read_dataset, selected
from service.eval.evaluation import BASELINE, GOLD, Evaluation, gold, manifest_of
from service.eval.experiments import publish as publish_experiment
from service.eval.judge import ChangeJudge, Judgement, family, judging_model
from service.eval.judged import EvaluationJudge, JudgedEvaluation
from service.eval.quality import drops, recorded
from service.eval.quality import record as record_summary
from service.eval.results import APART, AttemptResult, Prediction, ResultsFolder, Summary, read_predictions, summary
from service.eval.tables import comparison_table, draw, judge_table, summary_table
from service.report import harmless, plain
from service.settings import read_settings
from service.wiring.application import open_application


class DatasetOrCommand(TyperGroup):
    """What is no command of the group is a dataset: ``signoff eval DATASET`` is ``signoff eval run DATASET``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, "--help", "-h"}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


app = typer.Typer(
    cls=DatasetOrCommand, help="Know how good it is: run a dataset, compare, judge.", no_args_is_help=True
)

FOLDER = typer.Argument(help="Folder that `signoff eval DATASET` wrote.")
CHART = typer.Option("--chart", help="Draw it: a file that ends with .svg or .png.")


OUTPUT = typer.Option("--out", "-o", help="Where to keep it; signoff-eval/DATASET.")
CASE = typer.Option("--case", "-c", help="Only this case; several times.")
SAMPLE = typer.Option("--sample", help="Seed: the cases of --limit are drawn.")
STEPS = typer.Option("--max-steps", min=1, help="Turns of one attempt.")
TEST_MINUTES = typer.Option("--test-minutes", min=0.01, help="Of the hidden tests.")
STRATEGY = typer.Option("--strategy", "-s", help="Which models do what; or repair.")
PREDICTIONS = typer.Option("--predictions", help="Judge these (SWE-bench's form), and run nothing else.")
SIGN = typer.Option("--sign", help="Say yes to every question for one signature; they are counted.")


@app.command()
def run(
    dataset: Annotated[Path, typer.Argument(help="SWE-bench's JSON lines, HumanEval's, or small bugs as YAML.")],
    output: Annotated[Path | None, OUTPUT] = None,
    case: Annotated[list[str] | None, CASE] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Cases at most.")] = None,
    sample: Annotated[int | None, SAMPLE] = None,
    k: Annotated[int, typer.Option("--k", min=1, max=100, help="Attempts at each case.")] = 1,
    jobs: Annotated[int, typer.Option("--jobs", "-j", min=1, max=256, help="Attempts at the same time.")] = 1,
    max_cost: Annotated[float | None, typer.Option("--max-cost", min=0, help="Of everything together.")] = None,
    max_case_cost: Annotated[float, typer.Option("--max-case-cost", min=0, help="Of one attempt.")] = 5.0,
    max_minutes: Annotated[float, typer.Option("--max-minutes", min=0.01, help="Of one attempt.")] = 30.0,
    max_steps: Annotated[int, STEPS] = 200,
    test_minutes: Annotated[float, TEST_MINUTES] = 10.0,
    strategy: Annotated[str | None, STRATEGY] = None,
    repos: Annotated[Path | None, typer.Option("--repos", help="Folder with clones of OWNER/NAME.")] = None,
    predictions: Annotated[Path | None, PREDICTIONS] = None,
    use_gold: Annotated[bool, typer.Option("--gold", help="Judge the dataset's own changes.")] = False,
    no_pipeline: Annotated[bool, typer.Option("--no-pipeline", help="One coder, no planner, no reviewer.")] = False,
    sign: Annotated[bool, SIGN] = False,
    chart: Annotated[Path | None, CHART] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Let the product work on every case of a dataset, and judge it by tests that it did not see.

    Started again with the same folder it goes on where it was, also after a kill. Each attempt has a line of evidence
    in `results.jsonl`; the changes are in `predictions.jsonl`, as SWE-bench's own harness reads them.

    Exit status 0: every attempt ended. 1: some were left out for the cost cap.

    Examples:
      signoff eval swe-bench.jsonl --repos clones --jobs 4 --max-cost 20

      signoff eval HumanEval.jsonl --limit 20 --sample 7 --k 3 --chart functions.svg
    """
    limits = AttemptLimits(
        cost=Decimal(str(max_case_cost)), minutes=max_minutes, steps=max_steps, tests_s=test_minutes * 60
    )

    async def work() -> EvaluationEnd:
        read = read_dataset(dataset, repos=repos)
        cases = selected(read.cases, names=case or (), limit=limit, sample=sample)
        judged, digest = _predictions(predictions, cases, use_gold=use_gold)
        evaluation = Evaluation(
            settings=read_settings(),
            folder=ResultsFolder(output or Path("signoff-eval") / read.name),
            cases=cases,
            strategy=strategy or read_settings().strategy,
            k=k,
            jobs=jobs,
            max_cost=None if max_cost is None else Decimal(str(max_cost)),
            limits=limits,
            pipeline=not no_pipeline,
            sign=sign,
            predictions=judged,
        )
        return await _evaluated(evaluation, read, digest)

    end = run_async(work, as_json=as_json)
    show_end(end, chart, as_json=as_json)
    raise typer.Exit(1 if end.left_out else 0)


@value
class EvaluationEnd:
    """What an evaluation printed."""

    summary: Summary
    left_out: int
    """Attempts that the cost cap left out."""
    unreadable: tuple[UnreadableLine, ...]
    results: tuple[AttemptResult, ...]


def show_end(end: EvaluationEnd, chart: Path | None, *, as_json: bool) -> None:
    """Print what an evaluation came to, and draw it where that is asked for."""
    if as_json:
        print_json(plain(end))
    else:
        out().print(summary_table(end.summary))
        if end.left_out:
            out().print(f"{end.left_out} attempts were not begun: --max-cost is spent. Raise it and start again.")
    if chart is not None:
        draw([(end.summary.strategy or end.summary.dataset, end.summary)], chart)


async def _evaluated(evaluation: Evaluation, read: Dataset, predictions: str) -> EvaluationEnd:
    """Make the attempts that are missing, with a line on standard error for each."""
    for line in read.unreadable:
        reason = one_line(line.reason)
        err().print(f"line {line.line} of the dataset: {reason}", style="yellow", markup=False, highlight=False)
    settings, folder, cases = evaluation.settings, evaluation.folder, evaluation.cases
    if evaluation.strategy != BASELINE:
        load_catalogue(settings.catalogue).strategy(evaluation.strategy)
    manifest = manifest_of(
        read.name,
        read.digest,
        cases,
        k=evaluation.k,
        strategy=evaluation.strategy,
        model=settings.model or "",
        predictions=predictions,
    )
    manifest = folder.begin(manifest)
    ids = {case.id for case in cases}
    there = sum(each.case in ids for each in folder.results())
    left_out = await evaluation.run(_Progress(len(cases) * evaluation.k, there))
    results = tuple(each for each in folder.results() if each.case in ids)
    total = summary(manifest, results, unreadable=len(read.unreadable))
    err().print(f"kept in {folder.path}", highlight=False)
    return EvaluationEnd(summary=total, left_out=left_out, unreadable=read.unreadable, results=results)


@app.command()
def compare(
    first: Annotated[Path, FOLDER],
    second: Annotated[Path, FOLDER],
    chart: Annotated[Path | None, CHART] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Compare two evaluations of the same cases: the difference, how sure it is, and the cases that differ.

    The interval is a bootstrap over the cases that both have judged; p is McNemar's exact test. A difference whose
    interval has 0 in it is none that these cases show.

    Example:
      signoff eval compare signoff-eval/before signoff-eval/after
    """

    async def work() -> None:
        folders = [ResultsFolder(first), ResultsFolder(second)]
        totals = [(f.path.name, summary(f.manifest(), f.results())) for f in folders]
        comparison = compared(folders[0].results(), folders[1].results())
        if as_json:
            print_json({"comparison": plain(comparison), "summaries": [plain(total) for _, total in totals]})
        else:
            out().print(comparison_table(comparison, [name for name, _ in totals]))
            for each in comparison.differences:
                words = f"{'/'.join(each.first_outcomes)} → {'/'.join(each.second_outcomes)}"
                sign = "+" if each.second > each.first else "-"
                out().print(f"{sign} {escape(one_line(each.case))}: {words}", highlight=False)
            if comparison.left_out:
                out().print(f"{len(comparison.left_out)} cases are not in both, or say nothing in one of them.")
        if chart is not None:
            draw(totals, chart)

    run_async(work, as_json=as_json)


@app.command()
def judge(
    folder: Annotated[Path, FOLDER],
    dataset: Annotated[Path, typer.Option("--dataset", help="That the evaluation is of.")],
    model: Annotated[str | None, typer.Option("--model", help="That judges; else one of another family.")] = None,
    validate: Annotated[int, typer.Option("--validate", min=0, help="Known cases that the judge is tried on.")] = 5,
    max_cost: Annotated[float | None, typer.Option("--max-cost", min=0, help="Of all judging together.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Have a model score the changes of an evaluation from 1 to 5, and say how far it can be believed.

    Each change is scored beside the known one, three times, in both positions. What is resolved stays what the hidden
    tests say; the report has the judge's agreement with them, its bias by position and by length, and what it
    would not judge.

    Example:
      signoff eval judge signoff-eval/changes --dataset changes.jsonl --max-cost 2
    """

    async def work() -> JudgedEvaluation:
        kept, settings = ResultsFolder(folder), read_settings()
        kept.manifest()
        cases = read_dataset(dataset).cases
        async with open_application(settings.model_copy(update={"home": kept.home})) as application:
            registry = application.board.registry
            asked, card = await judging_model(registry, coder=registry.described("coder"), wanted=model)
            evaluation_judge = EvaluationJudge(
                judge=ChangeJudge.of(
                    asked, application.catalogue.settings("reviewer", timeout_s=settings.model_timeout_s)
                ),
                model=card.id,
                same_family=family(card.id) == family(registry.described("coder")),
                max_cost=None if max_cost is None else Decimal(str(max_cost)),
                validate=validate,
            )

            def seen(name: str, told: Judgement) -> None:
                why = told.why if told.score is None else f"{told.score:.1f}"
                err().print(f"{one_line(name):<50} {why}", markup=False)

            return await evaluation_judge(cases, kept.results(), kept.predictions(), seen)

    judged = run_async(work, as_json=as_json)
    ResultsFolder(folder).keep_judged(plain(judged))
    if as_json:
        print_json(plain(judged))
    else:
        out().print(judge_table(judged))


@app.command()
def publish(folder: Annotated[Path, FOLDER], as_json: Annotated[bool, JSON] = False) -> None:
    """Show an evaluation in Langfuse: its cases as a dataset, its runs as an experiment, with scores.

    The traces of the runs are there already where LANGFUSE_HOST was set while they ran.

    Example:
      signoff eval publish signoff-eval/changes
    """

    async def work() -> int:
        kept, settings = ResultsFolder(folder), read_settings()
        manifest = kept.manifest()
        async with open_application(settings.model_copy(update={"home": kept.home})) as application:
            return await publish_experiment(settings, application, manifest, kept.results())

    count = run_async(work, as_json=as_json)
    if as_json:
        print_json({"published": count})
    else:
        out().print(f"{count} runs are in Langfuse.")


@app.command()
def record(
    folder: Annotated[Path, FOLDER],
    file: Annotated[Path, typer.Argument(help="Where summaries are kept, a line of JSON each.")],
    chart: Annotated[Path | None, CHART] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Keep what an evaluation came to beside those before it, by version and commit, and say what got worse.

    Exit status 1: a rate fell below the whole interval of the one before it.

    Example:
      signoff eval record signoff-eval/cases benchmarks/results/quality.jsonl --chart docs/quality.svg
    """

    async def work() -> tuple[str, ...]:
        kept = ResultsFolder(folder)
        record_summary(file, summary(kept.manifest(), kept.results()))
        return drops(recorded(file))

    fallen = run_async(work, as_json=as_json)
    if as_json:
        print_json({"drops": list(fallen)})
    for each in fallen:
        err().print(f"worse: {each}", style="red", highlight=False)
    if chart is not None:
        draw([(f"{total.dataset}, {total.strategy} {total.version}", total) for total in recorded(file)], chart)
    raise typer.Exit(1 if fallen else 0)


@app.command()
def show(
    case: Annotated[str, typer.Argument(help="Id of a case.")],
    folder: Annotated[Path, typer.Option("--in", help="Folder of the evaluation.")] = Path(),
    attempt: Annotated[int, typer.Option("--attempt", min=1)] = 1,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Open what an evaluation did on a case: its evidence, its run with plan, turns and proof, and its change.

    Example:
      signoff eval show total --in signoff-eval/cases
    """

    async def work() -> None:
        kept = ResultsFolder(folder)
        kept.manifest()
        result = next((r for r in kept.results() if (r.case, r.attempt) == (case, attempt)), None)
        if result is None:
            raise Refused(
                f"There is no result of case {case}, attempt {attempt}, in {folder}.",
                code="case_unknown",
                hint="There are: " + ", ".join(dict.fromkeys(r.case for r in kept.results()))[:300],
            )
        settings = read_settings().model_copy(update={"home": kept.home})
        async with open_application(settings) as application:
            # A change that was judged and not made here has no run.
            known = await application.engine.runs.exactly(result.run, org=application.org)
            standing = await application.engine.standing(result.run) if known is not None else None
        if as_json:
            run_ = report.as_json(standing) if standing is not None else None
            print_json({"result": plain(result), "home": str(kept.home), "run": run_})
            return
        facts = ((name, text) for name, text in plain(result).items() if text not in ("", [], None))
        # Names of tests and the ends of logs are the repository's words: no markup, and no line of ours.
        out().print(Group(*(Text(harmless(f"{name}: {text}").replace("\n", "\n    ")) for name, text in facts)))
        if standing is not None:
            report.show(standing, out())
            out().print(f"The run with its trace: SIGNOFF_HOME={kept.home} signoff trace {result.run}", highlight=False)

    run_async(work, as_json=as_json)


class _Progress:
    """A line for each attempt that ended."""

    def __init__(self, of: int, done: int) -> None:
        self._of, self._done = of, done
        if done:
            err().print(f"{done} attempts are there already.", highlight=False)

    def __call__(self, result: AttemptResult) -> None:
        self._done += 1
        colour = "green" if result.outcome == "resolved" else "yellow" if result.outcome in APART else "red"
        why = f" ({result.code})" if result.code and result.code != result.outcome else ""
        name = one_line(result.case if result.attempt == 1 else f"{result.case} #{result.attempt}")
        err().print(
            f"{self._done:>4}/{self._of}  {escape(f'{name:<40}')} {result.seconds:7.1f} s  "
            f"[{colour}]{result.outcome}[/]{why}",
            highlight=False,
        )


def _predictions(
    path: Path | None, cases: Sequence[EvalCase], *, use_gold: bool
) -> tuple[dict[str, Prediction] | None, str]:
    if use_gold:
        return gold(cases), GOLD
    if path is None:
        return None, ""
    predictions = read_predictions(path)
    text = json.dumps([[each.instance_id, each.model_patch] for each in predictions.values()])
    return predictions, hashlib.sha256(text.encode()).hexdigest()
