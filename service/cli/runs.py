"""``signoff run`` and the commands about runs."""

import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args

import typer
from rich.prompt import Prompt
from rich.table import Column, Table

from domain.work import MOST_WORKERS, Delivery
from sandbox import Texts
from service import report
from service.auth.four_eyes import local_user
from service.cli.progress import Progress
from service.cli.signing import sign
from service.cli.tasks import (
    COST,
    MINUTES,
    SANDBOX,
    STEPS,
    TOKENS,
    budget_of,
    one_of,
    repository,
    task_of,
    text_of,
)
from service.cli.terminal import JSON, err, out, print_json
from service.cli.terminal import run as run_async
from service.report import harmless
from service.runs.history import answer_question, moments, raise_budget
from service.runs.history import fork as fork_run
from service.runs.history import refine as refine_run
from service.runs.runs import RunState
from service.settings import read_settings
from service.wiring.application import Application, open_application


class AdvancedRun(NamedTuple):
    """How a run stands, and the diff that was read at this terminal on the way."""

    standing: RunState
    read: str


RUN = typer.Argument(help="Run id, or the first characters of it.")
SIGN_AS = typer.Option("--sign-as", help="Sign as this person without being asked (solo mode; recorded as such).")
VERBOSE = typer.Option("--verbose", "-v", help="Show what providers say while they work.")
OUTSIDE = typer.Option(
    "--outside",
    help="The words come from outsiders, such as an issue: egress, secrets and CI edits rate a tier higher.",
)


TEAM = typer.Option("--team", min=0, max=MOST_WORKERS, help="So many workers share the steps; 0: as the strategy says.")


def run(
    task: Annotated[str, typer.Option("--task", "-t", help="What is to be done. '-' reads standard input.")],
    repo: Annotated[
        str, typer.Option("--repo", "-r", help="Path or URL of a git repository, or a project's folder in one.")
    ] = ".",
    accept: Annotated[str | None, typer.Option("--accept", "-a", help="Command that proves it.")] = None,
    base: Annotated[str, typer.Option("--base", help="Revision to start from.")] = "HEAD",
    deliver: Annotated[str, typer.Option("--deliver", "-d", help="patch, commit, branch, pr or deploy.")] = "branch",
    strategy: Annotated[str | None, typer.Option("--strategy", help="Which models do what.")] = None,
    team: Annotated[int, TEAM] = 0,
    expert: Annotated[str | None, typer.Option("--expert", help="Code expert; chosen by itself if empty.")] = None,
    profile: Annotated[str, typer.Option("--profile", help="sealed (no network) or packages.")] = "sealed",
    max_steps: Annotated[int, STEPS] = 200,
    max_cost: Annotated[float, COST] = 5.0,
    max_tokens: Annotated[int, TOKENS] = 2_000_000,
    max_minutes: Annotated[float, MINUTES] = 30.0,
    max_sandbox_seconds: Annotated[float, SANDBOX] = 1_800.0,
    outside: Annotated[bool, OUTSIDE] = False,
    no_pipeline: Annotated[bool, typer.Option("--no-pipeline", help="One coder, no planner, no reviewer.")] = False,
    sign_as: Annotated[str | None, SIGN_AS] = None,
    verbose: Annotated[bool, VERBOSE] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Plan a change, make it, prove it, ask for the signature, deliver it.

    Examples:
      signoff run --task "Fix the failing test"

      signoff run --repo ../shop --task "Round prices half up" --accept "pytest -q tests/test_prices.py"

      signoff run --task - --deliver patch --json < task.txt
    """
    text = sys.stdin.read() if task == "-" else task
    budget = budget_of(max_steps, max_cost, max_tokens, max_minutes, max_sandbox_seconds)

    async def work() -> AdvancedRun:
        settings = read_settings()
        wanted_task = task_of(
            text=text_of(text),
            repo=repository(repo),
            base=base,
            accept=accept,
            expert=expert,
            pipeline=not no_pipeline,
            outside=outside,
            deliver=one_of(deliver, "--deliver", get_args(Delivery)),
            budget=budget,
            strategy=strategy or settings.strategy,
            team=team,
            profile=one_of(profile, "--profile", ("sealed", "packages")),
            requester=local_user(),
        )
        async with open_application(settings) as application:
            application.announce(err())
            application.warm()  # its sandbox starts while the task is read and planned
            created = await application.engine.create(wanted_task)
            err().print(f"run [b]{created.id}[/]", highlight=False)
            return await _advance(application, created.id, sign_as, verbose=verbose)

    _finish(run_async(work, as_json=as_json), as_json=as_json)


def resume(
    run: Annotated[str, RUN],
    sign_as: Annotated[str | None, SIGN_AS] = None,
    max_steps: Annotated[int | None, STEPS] = None,
    max_cost: Annotated[float | None, COST] = None,
    max_tokens: Annotated[int | None, TOKENS] = None,
    max_minutes: Annotated[float | None, MINUTES] = None,
    max_sandbox_seconds: Annotated[float | None, SANDBOX] = None,
    verbose: Annotated[bool, VERBOSE] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Go on with a run where it stopped: after a signature, a crash, or a spent budget.

    Examples:
      signoff resume 3f2a

      signoff resume 3f2a --max-minutes 60
    """

    async def work() -> AdvancedRun:
        async with open_application(read_settings()) as application:
            row = await application.engine.runs.get(run, org=application.org)
            cost = Decimal(str(max_cost)) if max_cost is not None else None
            await raise_budget(
                application.engine,
                row,
                max_steps=max_steps,
                max_cost=cost,
                max_tokens=max_tokens,
                max_minutes=max_minutes,
                max_sandbox_seconds=max_sandbox_seconds,
            )
            return await _advance(application, row.id, sign_as, verbose=verbose)

    _finish(run_async(work, as_json=as_json), as_json=as_json)


def refine(
    run: Annotated[str, RUN],
    wish: Annotated[str, typer.Argument(help="What should be different.")],
    sign_as: Annotated[str | None, SIGN_AS] = None,
    verbose: Annotated[bool, VERBOSE] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Ask for changes to what a run has made; it plans again from there.

    Example:
      signoff refine 3f2a "Keep the old name as an alias"
    """

    async def work() -> AdvancedRun:
        async with open_application(read_settings()) as application:
            row = await application.engine.runs.get(run, org=application.org)
            await refine_run(application.engine, row, text_of(wish), local_user())
            return await _advance(application, row.id, sign_as, verbose=verbose)

    _finish(run_async(work, as_json=as_json), as_json=as_json)


def answer(
    run: Annotated[str, RUN],
    text: Annotated[str, typer.Argument(help="What you say to its question.")],
    sign_as: Annotated[str | None, SIGN_AS] = None,
    verbose: Annotated[bool, VERBOSE] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Answer what the coder of a run asks; it goes on from there.

    Example:
      signoff answer 3f2a "The one with two decimals"
    """

    async def work() -> AdvancedRun:
        async with open_application(read_settings()) as application:
            row = await application.engine.runs.get(run, org=application.org)
            await answer_question(application.engine, row, text_of(text), local_user())
            return await _advance(application, row.id, sign_as, verbose=verbose)

    _finish(run_async(work, as_json=as_json), as_json=as_json)


def fork(
    run: Annotated[str, RUN],
    at: Annotated[int, typer.Option("--at", help="Step to start again from; see signoff show RUN.")],
    sign_as: Annotated[str | None, SIGN_AS] = None,
    verbose: Annotated[bool, VERBOSE] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Start a new run from any step of an old one, with the files as they were.

    Example:
      signoff fork 3f2a --at 2
    """

    async def work() -> AdvancedRun:
        async with open_application(read_settings()) as application:
            row = await application.engine.runs.get(run, org=application.org)
            forked = await fork_run(application.engine, row, at)
            err().print(f"run [b]{forked.id}[/], forked from {row.id} at step {at}", highlight=False)
            return await _advance(application, forked.id, sign_as, verbose=verbose)

    _finish(run_async(work, as_json=as_json), as_json=as_json)


def list_runs(
    limit: Annotated[int, typer.Option("--limit", min=1, max=1_000)] = 20, as_json: Annotated[bool, JSON] = False
) -> None:
    """List the newest runs."""

    async def work() -> None:
        async with open_application(read_settings()) as application:
            runs = await application.engine.runs.list(org=application.org, limit=limit)
        if as_json:
            print_json([report.plain(r) for r in runs])
            return
        width = max((len(r.id) for r in runs), default=0)  # an id is there to be copied, also from a narrow terminal
        table = Table(Column("run", min_width=width), "status", "when", "repository", "task", box=None)
        for r in runs:
            words = (Path(r.task.repo).name, r.task.text.splitlines()[0][:60])
            table.add_row(r.id, r.status, f"{r.created_at:%Y-%m-%d %H:%M}", *words)
        out().print(table if runs else "No runs yet. Start one: signoff run --task TEXT")

    run_async(work, as_json=as_json)


def show(run: Annotated[str, RUN], as_json: Annotated[bool, JSON] = False) -> None:
    """Show how a run stands, its steps, its evidence and its answer."""

    async def work() -> None:
        async with open_application(read_settings()) as application:
            standing = await application.engine.standing(run)
            steps = await moments(application.engine, standing.run.id)
            decisions = (await application.decisions.latest(standing.run.org, limit=1_000, run=standing.run.id))[::-1]
        if as_json:
            print_json(
                {
                    **report.as_json(standing),
                    "steps": [vars_of(step) for step in steps],
                    "decisions": [report.plain(decision) for decision in decisions],
                }
            )
            return
        table = Table("step", "next", "files", "when", box=None)
        for m in steps:
            table.add_row(str(m.step), m.next, m.tree[:12], f"{m.at:%H:%M:%S}" if m.at else "")
        out().print(table)
        report.asked(decisions, out())
        report.show(standing, out())

    run_async(work, as_json=as_json)


def diff(
    run: Annotated[str, RUN],
    readable: Annotated[
        bool, typer.Option("--readable", help="For eyes, not for git apply: every text in its own characters.")
    ] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Print what a run changed so far, as a unified diff.

    In a pipe it is what `git apply` takes, where files that are not UTF-8 are binary; a terminal shows their text.
    """

    async def work() -> None:
        async with open_application(read_settings()) as application:
            standing = await application.engine.standing(run)
            pinned, snapshot = standing.values.get("pinned"), standing.values.get("snapshot")
            text = shown = ""
            if pinned is not None and snapshot is not None:
                text = await application.store.diff(standing.run.id, pinned.tree, snapshot.tree)
                shown = await Texts(application.store, standing.run.id).diff(pinned.tree, snapshot.tree, text)
        if as_json:
            print_json({"run": standing.run.id, "diff": text, "readable_diff": "" if shown == text else shown})
        elif sys.stdout.isatty():
            out().print(report.diff_view(shown) if text else "Nothing is changed yet.")
        else:
            sys.stdout.write(harmless(shown) if readable else text)

    run_async(work, as_json=as_json)


def cancel(run: Annotated[str, RUN], as_json: Annotated[bool, JSON] = False) -> None:
    """End a run for good; its open approvals are cancelled with it."""

    async def work() -> None:
        async with open_application(read_settings()) as application:
            row = await application.engine.runs.get(run, org=application.org)
            await application.cancel(row, local_user())
        if as_json:
            print_json({"run": row.id, "status": "cancelled"})
        else:
            out().print(f"run {row.id} is cancelled")

    run_async(work, as_json=as_json)


def trace(run: Annotated[str, RUN], as_json: Annotated[bool, JSON] = False) -> None:
    """Print a run as a tree of spans with durations, tokens and cost."""

    async def work() -> None:
        async with open_application(read_settings()) as application:
            row = await application.engine.runs.get(run, org=application.org)
            tree = await application.spans(row.id)
        if as_json:
            print_json(tree.to_json())
        else:
            out().print(application.drawn(tree))

    run_async(work, as_json=as_json)


async def _advance(application: Application, run: str, sign_as: str | None, *, verbose: bool) -> AdvancedRun:
    """Go on until the run ends or a signature is needed that nobody here can give."""
    progress = Progress(err(), verbose=verbose)
    standing = await application.engine.advance(run, progress)
    read = ""
    while standing.run.status == "interrupted" and (
        await sign(application, standing, sign_as) or await _replied(application, standing)
    ):
        read = standing.values.get("diff", "")
        standing = await application.engine.advance(run, progress)
    return AdvancedRun(standing, read)


async def _replied(application: Application, standing: RunState) -> bool:
    """Ask the person at this terminal what the coder asks; False where nothing is said."""
    if standing.question is None or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    err().print(f"The coder asks: {harmless(standing.question)}", markup=False)
    if text := Prompt.ask("Your answer (empty: later)", console=err(), default="").strip():
        await answer_question(application.engine, standing.run, text, local_user())
    return bool(text)


def _finish(advanced: AdvancedRun, *, as_json: bool) -> None:
    standing = advanced.standing
    if as_json:
        print_json(report.as_json(standing))
    elif standing.run.task.deliver == "patch" and standing.run.status == "delivered" and not sys.stdout.isatty():
        sys.stdout.write(standing.values.get("diff", ""))
    else:
        # Whoever signed here has read the diff above.
        report.show(standing, out(), diff=not sys.stdout.isatty() or advanced.read != standing.values.get("diff", ""))
    raise typer.Exit(report.exit_status(standing.run))


def vars_of(value: Any) -> dict[str, Any]:
    """A frozen dataclass as plain values."""
    return {name: getattr(value, name) for name in value.__slots__}


__all__ = ["answer", "cancel", "diff", "fork", "list_runs", "refine", "resume", "run", "show", "trace"]
