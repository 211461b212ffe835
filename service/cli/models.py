"""``signoff models``, ``usage``, ``prompts``: who would be asked and why, what it cost, what they are told."""

import json
import sys
from typing import Annotated, Any, cast, get_args

import typer
from rich.table import Column, Table
from rich.text import Text

from domain import Refused, Task
from domain.evidence import FailureKind
from domain.identity import ensure_no_credential
from models import Message, Prompt, Role, SelectionContext
from models.routing import KIND_OF, ModelCard, tier_for
from nodes import NAMES
from sandbox import Check
from service import report, usage
from service.auth.four_eyes import local_user
from service.cli.terminal import JSON, out, print_json
from service.cli.terminal import run as run_async
from service.settings import Settings, read_settings
from service.wiring.application import Application, open_application
from service.wiring.coding.prompts import prompt_versions
from service.wiring.models import probe_dialects
from service.wiring.plans import payers

app = typer.Typer(help="Which models there are, how their endpoints are, and who would be asked.", no_args_is_help=True)


@app.command("list")
def list_models(as_json: Annotated[bool, JSON] = False) -> None:
    """List the models that can be asked: tier, roles, context, price, where they are served.

    Example:
      signoff models list
    """

    async def work() -> list[dict[str, Any]]:
        async with open_application(read_settings()) as application:
            entries: dict[tuple[str | None, str], dict[str, Any]] = {}
            for role in KIND_OF:
                cards = await application.board.registry.cards(role)
                for card in cards.all:
                    # One line a model, however many roles it has.
                    key = (card.endpoint, card.id)
                    if key not in entries:
                        entries[key] = await _card(card, application)
                    if role in card.roles:
                        entries[key]["roles"].append(role)
            return list(entries.values())

    cards = run_async(work, as_json=as_json)
    if as_json:
        print_json(cards)
        return
    names, where = Column("model", overflow="fold"), Column("where", overflow="fold")  # whole: they are copied
    table = Table(names, "tier", "provider", "roles", "dialect", "context", "in/out", where, box=None)
    for c in cards:
        price = f"{c['price_in']}/{c['price_out']}" + ("" if c["priced"] else " (assumed)")
        context = str(c["context"] or "as served")
        roles = "all" if len(c["roles"]) == len(KIND_OF) else " ".join(c["roles"])
        table.add_row(c["id"], c["tier"], c["provider"], roles, c["dialect"], context, price, c["endpoint"])
    where_to = "set SIGNOFF_MODEL_BASE_URL, or an endpoint in the catalogue (docs/models.md)"
    without = f"No model is configured: {where_to}. The built-in repair engine works without."
    out().print(table if cards else without)


@app.command()
def probe(
    quick: Annotated[bool, typer.Option("--quick", help="No dialogue: a few short questions only.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Ask every endpoint what it serves, and find out in which dialect the coder can work with its model.

    For that it holds a short dialogue with each model: some ten answers, about 60,000 tokens read. What comes of it is
    kept and counts from then on. Exit status 1 when an endpoint cannot work.

    Examples:
      signoff models probe

      signoff models probe --quick --json
    """

    async def work() -> list[dict[str, Any]]:
        async with open_application(read_settings()) as application:
            probes = [] if quick else await probe_dialects(application.board)
            checks = (
                await application.probe_models()
                if quick
                else [Check(name="model", ok=seen.ok, detail=seen.line(), hint=seen.hint) for seen in probes]
            )
            documents = [report.plain(check) for check in checks]
            for document, seen in zip(documents, probes, strict=False):
                document["dialect"] = seen.dialect
                document["dialogues"] = [report.plain(each) | {"line": each.line()} for each in seen.dialogues]
            return documents

    checks = run_async(work, as_json=as_json)
    if as_json:
        print_json(checks)
    for check in () if as_json else checks:
        mark = Text("ok ", style="green") if check["ok"] else Text("no ", style="bold red")
        hint = f"\n   → {check['hint']}" if check["hint"] and not check["ok"] else ""
        out().print(mark + Text(check["detail"] + hint), soft_wrap=True)
        for dialogue in check.get("dialogues", ()):
            out().print(Text(f"   {dialogue['line']}", style="" if dialogue["passed"] else "dim"), soft_wrap=True)
    if not checks and not as_json:
        out().print("No model is configured: set SIGNOFF_MODEL_BASE_URL.")
    raise typer.Exit(0 if all(check["ok"] for check in checks) else 1)


@app.command()
def route(
    task: Annotated[str, typer.Argument(help="The task, in words.")],
    role: Annotated[str | None, typer.Option(help="Only this role: planner, coder, reviewer or chat.")] = None,
    strategy: Annotated[str | None, typer.Option(help="Strategy; SIGNOFF_STRATEGY unless given.")] = None,
    repo: Annotated[str | None, typer.Option(help="Repository whose policy holds.")] = None,
    base: Annotated[str, typer.Option(help="Its revision.")] = "HEAD",
    failure: Annotated[str | None, typer.Option(help="Kind of the last failure: types, build, tests …")] = None,
    standing: Annotated[str, typer.Option(help="How the requester stands; as the catalogue has it unless given.")] = "",
    attempt: Annotated[int, typer.Option(min=1, max=20, help="Which attempt it would be.")] = 1,
    look: Annotated[bool, typer.Option("--look", help="Ask endpoints what they serve first.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show who would be asked for a task, in which order and why. Nobody is called.

    Examples:
      signoff models route "Fix the rounding of prices"

      signoff models route "Fix the deadlock" --strategy auto --failure tests --attempt 2
    """

    async def work() -> dict[str, Any]:
        settings = read_settings()
        async with open_application(settings) as application:
            if standing:
                application.catalogue.standing(standing)
            ensure_no_credential(repo or "")
            request = Task(
                text=task,
                repo=repo or "",
                base=base,
                strategy=strategy or settings.strategy,
                requester=local_user(),
                standing=standing,
            )
            context = await _context(application, request, attempt, failure_of(failure))
            return await _routes(application, context, roles_of(role), look=look)

    document = run_async(work, as_json=as_json)
    if as_json:
        print_json(document)
        return
    console = out()
    console.print(
        f"expert [b]{document['expert']}[/] · strategy [b]{document['strategy']}[/] · "
        f"the task looks like tier [b]{document['tier']}[/]",
        highlight=False,
    )
    proposed = f"changes are proposed by {' and '.join(document['providers']) or 'nobody'}: {document['turn']}"
    console.print(proposed, highlight=False, markup=False)
    for each in document["routes"]:
        console.print(f"\n[b]{each['role']}[/]", highlight=False)
        console.print(f"  {each['reason']}", highlight=False, markup=False, soft_wrap=True)
        for n, choice in enumerate(each["choices"], 1):
            line = f"  {n}. {choice['model']} ({choice['tier']}, {choice['provider']}) at {choice['endpoint']}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        for why in each["passed_over"]:
            console.print(f"  – {why}", highlight=False, markup=False, soft_wrap=True)


async def _card(card: ModelCard, application: Application) -> dict[str, Any]:
    listed = next((each for each in application.catalogue.models if each.id == card.id), None)
    plain = report.plain(card)
    return {
        **plain,
        "roles": [],
        "dialect": await application.board.dialect_of(card, card.id),
        "dialect_probed": await application.board.probed(card.endpoint, card.id) is not None,
        "priced": bool(listed and listed.priced),
        "context": card.context if listed else None,
        "in_catalogue": listed is not None,
    }


async def _context(application: Application, task: Task, attempt: int, failure: FailureKind | None) -> SelectionContext:
    """The context a run would have. The policy is read from the repository's commit, as a run does it."""
    tree, paths = "", ()
    if task.repo:
        pinned = await application.store.pin("models-route", task.repo, task.base)
        tree, paths = pinned.tree, await application.store.files("models-route", pinned.tree)
    return SelectionContext(
        run="models-route",
        org=application.org,
        task=task,
        tree=tree,
        expert=application.selection.choose_expert(task.text, paths),
        attempt=attempt,
        failure=failure,
    )


async def _routes(
    application: Application, context: SelectionContext, roles: tuple[Role, ...], *, look: bool
) -> dict[str, Any]:
    turn, providers = await application.selection.would_ask(context, look=look)
    routes: list[dict[str, Any]] = []
    messages = (Message(role="user", content=context.task.text),)
    for role in roles:
        if await application.selection.model(role, context, look=look) is None:
            why = "The policy allows none of the models."
            if not application.board.registry.any(role):
                why = "No model is configured."
            elif role in application.catalogue.strategy(context.task.strategy).spares:
                why = "The strategy spares this role."
            routes.append({"role": role, "reason": why, "choices": [], "passed_over": []})
            continue
        model = application.board.model(role, context)
        route, _ = await model.chosen(messages, application.selection.settings(role), look=look)
        choices = [
            {
                "model": c.asked_as,
                "tier": c.card.tier,
                "provider": c.card.provider,
                "endpoint": c.card.endpoint,
                "worst_cost": usage.money(c.worst_cost),
            }
            for c in route.choices
        ]
        routes.append(
            {"role": role, "reason": route.reason, "choices": choices, "passed_over": list(route.passed_over)}
        )
    return {
        "task": context.task.text,
        "expert": context.expert,
        "strategy": context.task.strategy,
        "tier": tier_for(context.task.text, failure=context.failure, attempt=context.attempt),
        "providers": list(providers),
        "turn": turn.reason,
        "routes": routes,
    }


def roles_of(role: str | None) -> tuple[Role, ...]:
    """The roles that an option means: the one it names, else all. Raises Refused ``option_invalid``."""
    if role is None:
        return tuple(KIND_OF)
    if role in KIND_OF:
        return (role,)
    raise Refused(f"There is no role {role!r}.", code="option_invalid", hint=f"Use one of: {', '.join(KIND_OF)}.")


def failure_of(failure: str | None) -> FailureKind | None:
    """The kind of failure that an option names. Raises Refused ``option_invalid``."""
    if failure is None or failure in (known := get_args(FailureKind)):
        return cast("FailureKind | None", failure)
    raise Refused(
        f"There is no kind of failure {failure!r}.", code="option_invalid", hint=f"Use one of: {', '.join(known)}."
    )


def show_usage(
    by: Annotated[
        str, typer.Option("--by", help="model, run, user, org, day, role, tier, strategy, outcome or repository.")
    ] = ("model"),
    since: Annotated[str | None, typer.Option(help="24h, 7d, a date or a time.")] = None,
    until: Annotated[str | None, typer.Option(help="The same; not included.")] = None,
    org: Annotated[str | None, typer.Option(help="Organisation; this installation's unless given. '*': all.")] = None,
    run: Annotated[str | None, typer.Option(help="Only this run.")] = None,
    events: Annotated[bool, typer.Option("--events", help="Events for a billing meter (Stripe), as JSON lines.")] = (
        False
    ),
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV instead of a table.")] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show calls, tokens and money by model, run, person or day, and what choosing saved.

    Examples:
      signoff usage --since 7d

      signoff usage --by user --csv > usage.csv

      signoff usage --events --since 2026-11-01 --until 2026-12-01 > meter.jsonl
    """

    async def work() -> dict[str, Any] | None:
        async with open_application(read_settings()) as application:
            whose = None if org == "*" else org or application.org
            during, group = usage.period(since, until, now=application.board.now()), usage.grouped(by)
            if events:
                async for event in usage.events(application.decisions, whose, during, await payers(application.plans)):
                    sys.stdout.write(json.dumps(event) + "\n")
                return None
            runs, catalogue = application.engine.runs, application.catalogue
            summary = await usage.used(application.decisions, runs, catalogue, whose, by=group, during=during, run=run)
            return usage.document(summary, catalogue, by=group, during=during, org=whose)

    summary = run_async(work, as_json=as_json)
    if summary is None:
        return
    if as_json:
        print_json(summary)
    elif as_csv:
        sys.stdout.write(usage.table(summary["rows"]))
    else:
        _print_usage(summary)


def _print_usage(summary: dict[str, Any]) -> None:
    if not summary["rows"]:
        out().print("No model was asked yet.")
        return
    table = Table(summary["by"], "calls", "failed", "cached", "tokens in", "tokens out", "cost", "saved", box=None)
    for each in (*summary["rows"], {"name": "total", **summary["total"]}):
        numbers = [f"{each[k]:,}" for k in ("calls", "failed", "from_cache", "tokens_in", "tokens_out")]
        table.add_row(each["name"] or "–", *numbers, each["cost"], each["saved"])
    out().print(table)
    total = summary["total"]
    out().print(
        f"Always asking the premium model would have cost {total['premium_cost']}; saved {total['saved']}.",
        highlight=False,
    )


prompts_app = typer.Typer(
    no_args_is_help=True, help="What the planner, the coder and the reviewer are told, in which versions."
)


@prompts_app.command("list")
def list_prompts(as_json: Annotated[bool, JSON] = False) -> None:
    """List every version of every prompt, and which of them runs get.

    Example:
      signoff prompts list
    """

    async def work() -> tuple[Settings, list[Prompt]]:
        settings = read_settings()
        return settings, [prompt for name in NAMES for prompt in await prompt_versions(settings, name)]

    settings, versions = run_async(work, as_json=as_json)
    rows = [(prompt, share_of(prompt, versions, settings.prompts_staging_share)) for prompt in versions]
    if as_json:
        print_json([{**_about(prompt), "share": share} for prompt, share in rows])
        return
    table = Table("prompt", "version", "label", "runs", box=None)
    for prompt, share in rows:
        table.add_row(prompt.name, prompt.version, prompt.label, f"{share:.0%}")
    out().print(table)


@prompts_app.command()
def show(
    name: Annotated[str, typer.Argument(help="plan, execute, observe, replan or review.")],
    version: Annotated[str | None, typer.Option("--version", help="As the list has it. Empty: production.")] = None,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Print one prompt as it stands, its places to fill in included.

    Examples:
      signoff prompts show plan

      signoff prompts show execute --version 3f1c2a9b0d4e
    """

    async def work() -> Prompt:
        versions = await prompt_versions(read_settings(), name)
        matching = (p for p in versions if (p.version == version if version else p.label == "production"))
        if (prompt := next(matching, None)) is None:
            raise Refused(
                f"There is no such version of {name}.",
                code="prompt_unknown",
                hint="There are: " + ", ".join(p.version for p in versions),
            )
        return prompt

    prompt = run_async(work, as_json=as_json)
    if as_json:
        print_json({**_about(prompt), "parts": [{"role": role, "text": text} for role, text in prompt.texts]})
        return
    for role, text in prompt.texts:
        typer.echo(f"<!-- {role} -->\n{text.rstrip()}")


def _about(prompt: Prompt) -> dict[str, Any]:
    return {"name": prompt.name, "version": prompt.version, "label": prompt.label}


def share_of(prompt: Prompt, versions: list[Prompt], staging: float) -> float:
    """Share of the runs that get this version: of several with one label the first counts."""
    same = [p for p in versions if p.name == prompt.name]
    first = {label: next((p for p in same if p.label == label), None) for label in ("production", "staging")}
    staged = staging if first["staging"] is not None else 0.0
    if first.get(prompt.label) is not prompt:
        return 0.0
    return staged if prompt.label == "staging" else 1.0 - staged
