"""``signoff prompts``: versions of what models are told, what came of each, and which of them new runs speak."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from models import Prompt
from service import usage
from service.auth.four_eyes import local_user
from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.errors import refuse
from service.prompts import canaries as canary_rows
from service.prompts import outcomes as outcome_rows
from service.prompts.canaries import Canary
from service.prompts.changes import PromptChange
from service.prompts.outcomes import VersionOutcome
from service.prompts.overview import overview
from service.report import harmless, plain
from service.settings import read_settings
from service.wiring.application import Application, open_application

app = typer.Typer(
    help="What the planner, the coder and the reviewer are told: versions, outcomes, promotion, canaries.",
    no_args_is_help=True,
)
NAME = typer.Argument(help="The prompt: plan, execute, turn, review … as the list has it.")
VERSION = typer.Argument(help="The version, or its beginning; see signoff prompts list.")
WHY = typer.Option("--why", help="For the audit: why.")
CHANGING = frozenset({"policy_admin", "org_admin"})


@asynccontextmanager
async def _opened(*, changing: bool = False) -> AsyncGenerator[Application]:
    """The application; ``changing``: for who may change what runs are told. Raises ``role_missing``."""
    async with open_application(read_settings()) as application:
        people, person = application.people, local_user()
        may = not changing or await people.alone(application.org)
        if not may and not CHANGING & set(await people.roles(application.org, person)):
            raise refuse("role_missing", "In team mode prompts are changed by a policy_admin or an org_admin.")
        yield application


@app.command("list")
def list_prompts(as_json: Annotated[bool, JSON] = False) -> None:
    """List every version of every prompt, and which share of new runs speaks it.

    Example:
      signoff prompts list
    """

    async def work() -> list[dict[str, Any]]:
        async with _opened() as application:
            staging = application.settings.prompts_staging_share
            return await overview(application.prompts, application.org, staging=staging)

    prompts = run_async(work, as_json=as_json)
    if as_json:
        print_json(prompts)
        return
    table = Table("prompt", Column("version", overflow="fold"), "label", "new runs", "", box=None)
    for prompt in prompts:
        for each in prompt["versions"]:
            marks = ["promoted"] if each["version"] == prompt["promoted"] else []
            marks += ["canary"] if prompt["canary"] and each["version"] == prompt["canary"]["version"] else []
            table.add_row(prompt["name"], each["version"], each["label"], f"{each['share']:.0%}", ", ".join(marks))
    out().print(table)


@app.command()
def show(
    name: Annotated[str, NAME],
    version: Annotated[str, typer.Option("--version", help="As the list has it. Empty: what new runs speak.")] = "",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Print one prompt as it stands, its places to fill in included.

    Examples:
      signoff prompts show plan

      signoff prompts show execute --version 3f1c2a9b0d4e
    """

    async def work() -> Prompt:
        async with _opened() as application:
            prompts = application.prompts
            spoken = version or await prompts.changes.current(application.org, name)
            return await (prompts.versions.named(name, spoken) if spoken else prompts.versions.in_production(name))

    prompt = run_async(work, as_json=as_json)
    if as_json:
        about = {"name": prompt.name, "version": prompt.version, "label": prompt.label}
        print_json({**about, "parts": [{"role": role, "text": text} for role, text in prompt.texts]})
        return
    for role, text in prompt.texts:
        typer.echo(f"<!-- {role} -->\n{text.rstrip()}")


@app.command()
def outcomes(
    prompt: Annotated[str, typer.Option("--prompt", help="Only this prompt.")] = "",
    since: Annotated[str | None, typer.Option(help="Runs that spoke it since: 24h, 7d, a date or a time.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Compare what came of the runs that spoke each version: success, cost, turns and minutes.

    Examples:
      signoff prompts outcomes --since 30d

      signoff prompts outcomes --prompt turn --json
    """

    async def work() -> list[VersionOutcome]:
        async with _opened() as application:
            prompts, during = application.prompts, usage.period(since, None, now=application.engine.clock())
            if prompt:
                prompts.versions.source(prompt)
            await prompts.canaries.count_all()
            return list(await prompts.outcomes.of(application.org, name=prompt, since=during.since))

    rows = run_async(work, as_json=as_json)
    if as_json:
        print_json([outcome_rows.document(row) for row in rows])
        return
    numbers = [Column(name, justify="right") for name in ("runs", "succeeded", "95 %", "cost", "turns", "minutes")]
    table = Table("prompt", Column("version", overflow="fold"), *numbers, box=None)
    for row in rows:
        table.add_row(row.name, row.version, *outcome_rows.cells(row))
    out().print(table if rows else "No run spoke a prompt yet.")
    if rows:
        out().print("[dim]Of one run: cost, turns, minutes. The share is of runs that succeeded or failed.[/]")


@app.command()
def promote(
    name: Annotated[str, NAME],
    version: Annotated[str, VERSION],
    why: Annotated[str, WHY] = "",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Have new runs speak a version; runs that have begun keep theirs. A canary of this prompt ends.

    Example:
      signoff prompts promote turn 3f1c2a9b0d4e --why "Not worse after 50 runs"
    """

    async def work() -> PromptChange:
        async with _opened(changing=True) as application:
            return await application.prompts.changes.promote(application.org, name, version, by=local_user(), why=why)

    _changed(run_async(work, as_json=as_json), as_json=as_json)


@app.command()
def rollback(name: Annotated[str, NAME], why: Annotated[str, WHY] = "", as_json: Annotated[bool, JSON] = False) -> None:
    """Have new runs speak what they spoke before the last promotion; once more goes one further back.

    Example:
      signoff prompts rollback turn --why "It stopped asking for the failing test"
    """

    async def work() -> PromptChange:
        async with _opened(changing=True) as application:
            return await application.prompts.changes.roll_back(application.org, name, by=local_user(), why=why)

    _changed(run_async(work, as_json=as_json), as_json=as_json)


@app.command()
def follow(name: Annotated[str, NAME], why: Annotated[str, WHY] = "", as_json: Annotated[bool, JSON] = False) -> None:
    """Have new runs speak what the files or Langfuse label production again, also when that changes.

    Example:
      signoff prompts follow turn
    """

    async def work() -> PromptChange:
        async with _opened(changing=True) as application:
            return await application.prompts.changes.follow(application.org, name, by=local_user(), why=why)

    _changed(run_async(work, as_json=as_json), as_json=as_json)


@app.command()
def history(
    prompt: Annotated[str, typer.Option("--prompt", help="Only this prompt.")] = "",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """List who had new runs speak which version, and why; the newest first."""

    async def work() -> list[PromptChange]:
        async with _opened() as application:
            return list(await application.prompts.changes.history(application.org, prompt))

    changes = run_async(work, as_json=as_json)
    if as_json:
        print_json([plain(each) for each in changes])
        return
    table = Table("when", "prompt", "what", "version", "before", "who", "why", box=None)
    for each in changes:
        table.add_row(
            f"{each.at:%Y-%m-%d %H:%M}",
            each.name,
            each.verb.replace("_", " "),
            each.version or "files",
            each.before or "files",
            harmless(each.changed_by),
            harmless(each.why),
        )
    out().print(table if changes else "Nothing was promoted yet: new runs speak what the files have.")


@app.command()
def canary(
    name: Annotated[str, NAME],
    version: Annotated[str, typer.Argument(help="The version to try, or its beginning.")] = "",
    share: Annotated[float, typer.Option("--share", help="Percent of the new runs that get it, up to 90.")] = 10.0,
    max_runs: Annotated[int | None, typer.Option("--max-runs", help="Runs that get it at most.")] = None,
    end: Annotated[bool, typer.Option("--end", help="End the one that is running.")] = False,
    why: Annotated[str, WHY] = "",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Give a share of new runs another version, until it is worse beyond chance or had its runs.

    Examples:
      signoff prompts canary turn 3f1c2a9b0d4e --share 10 --max-runs 50

      signoff prompts canary turn --end
    """
    if end == bool(version):
        raise typer.BadParameter("name a version to try, or --end", param_hint="VERSION")

    async def work() -> Canary:
        async with _opened(changing=True) as application:
            canaries, org = application.prompts.canaries, application.org
            if end:
                return await canaries.end(org, name, by=local_user(), why=why)
            return await canaries.start(
                org, name, version, share=share / 100, most_runs=max_runs, by=local_user(), why=why
            )

    canary = run_async(work, as_json=as_json)
    if as_json:
        print_json(canary_rows.document(canary))
    elif end:
        out().print(f"New runs speak {canary.against} of {canary.name} only.", highlight=False)
    else:
        says = f"{canary.share:.3g} of new runs speak {canary.version} of {canary.name} instead of {canary.against}."
        out().print(f"{says} See how it goes: signoff prompts canaries", highlight=False, soft_wrap=True)


@app.command()
def canaries(
    prompt: Annotated[str, typer.Option("--prompt", help="Only this prompt.")] = "",
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """List canaries, the newest first: how both versions fare, and what came of it."""

    async def work() -> list[Canary]:
        async with _opened() as application:
            await application.prompts.canaries.count_all()
            return list(await application.prompts.canaries.list(application.org, name=prompt))

    rows = run_async(work, as_json=as_json)
    if as_json:
        print_json([canary_rows.document(each) for each in rows])
        return
    table = Table("prompt", "version", "against", "share", "runs", "state", "how it fares", box=None)
    for each in rows:
        limit = f" of {each.most_runs}" if each.most_runs is not None else ""
        fares = each.reason or each.compared
        table.add_row(
            each.name, each.version, each.against, f"{each.share:.0%}", f"{each.drawn}{limit}", each.state, fares
        )
    out().print(table if rows else "No canary was started yet: signoff prompts canary NAME VERSION")


def _changed(change: PromptChange, *, as_json: bool) -> None:
    if as_json:
        print_json(plain(change))
        return
    version = f"version {change.version}" if change.version else "what the files or Langfuse label production"
    says = f"New runs speak {version} of {change.name} now. Take it back: signoff prompts rollback {change.name}"
    out().print(says, highlight=False, soft_wrap=True)
