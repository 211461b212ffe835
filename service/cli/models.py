"""``signoff models``: whom one could ask, whom one would ask, and why."""

from typing import Annotated, Any, cast, get_args

import typer
from rich.table import Column, Table
from rich.text import Text

from domain import FailureKind, Refused, Task, ensure_no_credential
from models import Message, Role, SelectionContext
from models.routing import KIND_OF, ModelCard, Route, tier_for
from service import report, usage
from service.people import local_user
from service.settings import read_settings
from service.terminal import JSON, out, print_json
from service.terminal import run as run_async
from service.wiring import House, open_house

app = typer.Typer(help="Which models there are, how their endpoints are, and who would be asked.", no_args_is_help=True)


@app.command("list")
def list_models(as_json: Annotated[bool, JSON] = False) -> None:
    """List the models that can be asked: tier, roles, context, price, where they are served.

    Example:
      signoff models list
    """

    async def work() -> list[dict[str, Any]]:
        async with open_house(read_settings()) as house:
            found: dict[tuple[str | None, str], dict[str, Any]] = {}
            for role in KIND_OF:
                cards = await house.board.registry.cards(role)
                for card in cards.all:
                    entry = found.setdefault((card.endpoint, card.id), _card(card, house))
                    if role in card.roles:
                        entry["roles"].append(role)
            return list(found.values())

    cards = run_async(work, as_json=as_json)
    if as_json:
        print_json(cards)
        return
    names, where = Column("model", overflow="fold"), Column("where", overflow="fold")  # whole: they are copied
    table = Table(names, "tier", "provider", "roles", "context", "in/out", where, box=None)
    for c in cards:
        price = f"{c['price_in']}/{c['price_out']}" + ("" if c["priced"] else " (assumed)")
        context = str(c["context"] or "as served")
        roles = "all" if len(c["roles"]) == len(KIND_OF) else " ".join(c["roles"])
        table.add_row(c["id"], c["tier"], c["provider"], roles, context, price, c["endpoint"])
    out().print(table if cards else "No model is configured: set SIGNOFF_MODEL_BASE_URL, or an endpoint in the "
                "catalogue (docs/models.md). The built-in repair engine works without.")  # fmt: skip


@app.command()
def probe(as_json: Annotated[bool, JSON] = False) -> None:
    """Ask every endpoint what it serves: context, structured output, tool calls, speed.

    Exit status 1 when one of them cannot work.
    """

    async def work() -> list[dict[str, Any]]:
        async with open_house(read_settings()) as house:
            return [report.plain(check) for check in await house.probe_models()]

    checks = run_async(work, as_json=as_json)
    if as_json:
        print_json(checks)
    for check in () if as_json else checks:
        mark = Text("ok ", style="green") if check["ok"] else Text("no ", style="bold red")
        hint = f"\n   → {check['hint']}" if check["hint"] and not check["ok"] else ""
        out().print(mark + Text(check["detail"] + hint), soft_wrap=True)
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
    look: Annotated[
        bool, typer.Option("--look", help="Ask endpoints what they serve first; no model is asked.")
    ] = False,
    as_json: Annotated[bool, JSON] = False,
) -> None:
    """Show who would be asked for a task, in which order and why. Nobody is called.

    Examples:
      signoff models route "Fix the rounding of prices"

      signoff models route "Fix the deadlock" --strategy auto --failure tests --attempt 2
    """

    async def work() -> dict[str, Any]:
        settings = read_settings()
        async with open_house(settings) as house:
            if standing:
                house.catalogue.standing(standing)
            ensure_no_credential(repo or "")
            wanted = Task(text=task, repo=repo or "", base=base, strategy=strategy or settings.strategy,
                          requester=local_user(), standing=standing)  # fmt: skip
            errand = await _errand(house, wanted, attempt, _kind(failure))
            return await _routes(house, errand, _roles(role), look=look)

    found = run_async(work, as_json=as_json)
    if as_json:
        print_json(found)
        return
    console = out()
    console.print(f"expert [b]{found['expert']}[/] · strategy [b]{found['strategy']}[/] · "
                  f"the task looks like tier [b]{found['tier']}[/]", highlight=False)  # fmt: skip
    console.print(f"changes are proposed by {' and '.join(found['providers']) or 'nobody'}: {found['turn']}",
                  highlight=False, markup=False)  # fmt: skip
    for each in found["routes"]:
        console.print(f"\n[b]{each['role']}[/]", highlight=False)
        console.print(f"  {each['reason']}", highlight=False, markup=False, soft_wrap=True)
        for n, choice in enumerate(each["choices"], 1):
            line = f"  {n}. {choice['model']} ({choice['tier']}, {choice['provider']}) at {choice['endpoint']}"
            console.print(line, highlight=False, markup=False, soft_wrap=True)
        for why in each["passed_over"]:
            console.print(f"  – {why}", highlight=False, markup=False, soft_wrap=True)


def _card(card: ModelCard, house: House) -> dict[str, Any]:
    listed = next((each for each in house.catalogue.models if each.id == card.id), None)
    plain = report.plain(card)
    return {**plain, "roles": [], "priced": bool(listed and listed.priced),
            "context": card.context if listed else None, "in_catalogue": listed is not None}  # fmt: skip


async def _errand(house: House, task: Task, attempt: int, failure: FailureKind | None) -> SelectionContext:
    """The errand a run would have. The policy is read from the repository's commit, as a run does it."""
    tree, paths = "", ()
    if task.repo:
        pinned = await house.store.pin("models-route", task.repo, task.base)
        tree, paths = pinned.tree, await house.store.files("models-route", pinned.tree)
    expert = house.desk.choose_expert(task.text, paths)
    return SelectionContext(run="models-route", org=house.org, task=task, tree=tree, expert=expert,
                  attempt=attempt, failure=failure)  # fmt: skip


async def _routes(house: House, errand: SelectionContext, roles: tuple[Role, ...], *, look: bool) -> dict[str, Any]:
    turn, providers = await house.desk.would_ask(errand, look=look)
    routes: list[dict[str, Any]] = []
    said = (Message(role="user", content=errand.task.text),)
    for role in roles:
        if await house.desk.model(role, errand, look=look) is None:
            why = _why_nobody(house, role, errand)
            routes.append({"role": role, "reason": why, "choices": [], "passed_over": []})
            continue
        model = house.board.model(role, errand)
        found, _ = await model.chosen(said, house.desk.settings(role), look=look)
        routes.append({"role": role, **_route(found)})
    return {
        "task": errand.task.text, "expert": errand.expert, "strategy": errand.task.strategy,
        "tier": tier_for(errand.task.text, failure=errand.failure, attempt=errand.attempt),
        "providers": list(providers), "turn": turn.reason, "routes": routes,
    }  # fmt: skip


def _why_nobody(house: House, role: Role, errand: SelectionContext) -> str:
    if not house.board.registry.any(role):
        return "No model is configured."
    spared = role in house.catalogue.strategy(errand.task.strategy).spares
    return "The strategy spares this role." if spared else "The policy allows none of the models."


def _route(found: Route) -> dict[str, Any]:
    choices = [{"model": c.asked_as, "tier": c.card.tier, "provider": c.card.provider, "endpoint": c.card.endpoint,
                "worst_cost": usage.money(c.worst_cost)} for c in found.choices]  # fmt: skip
    return {"reason": found.reason, "choices": choices, "passed_over": list(found.passed_over)}


def _roles(role: str | None) -> tuple[Role, ...]:
    if role is None:
        return tuple(KIND_OF)
    if role in KIND_OF:
        return (role,)
    raise Refused(f"There is no role {role!r}.", code="option_invalid", hint=f"Use one of: {', '.join(KIND_OF)}.")


def _kind(failure: str | None) -> FailureKind | None:
    if failure is None or failure in (known := get_args(FailureKind)):
        return cast("FailureKind | None", failure)
    raise Refused(
        f"There is no kind of failure {failure!r}.", code="option_invalid", hint=f"Use one of: {', '.join(known)}."
    )
